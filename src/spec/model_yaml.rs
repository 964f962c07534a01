//! Models as users write them -> [`Architecture`].

use super::calls_yaml::{self, Callee, MOST_CALLS, RawCall};
use super::distribution::Distribution;
use super::durable_yaml::{self, RawDurable};
use super::fleet_yaml::{self, RawFargate, RawFleet};
use super::lifecycle::{Lifecycle, Times};
use super::lifecycle_yaml::{self, RawAge, RawExtensions};
use super::managed_yaml::{self, RawManaged};
use super::model::{
    Arch, Architecture, Balancing, Component, ComponentId, ComponentKind, Function, HttpApi, LoadBalancer, Network,
    Outbound, Pool, Route, SnapStart, Subnets,
};
use super::ownership_yaml::{self, RawOperations};
use super::provisioned_yaml::{self, NumberOrMore};
use super::quantity::Percent;
use super::queue_yaml::{self, DROP, RawAsync, RawQueue};
use super::read::{At, FromYaml, Reader, Schemas, keywords, record};
use super::stream_yaml::{self, RawStream};
use super::table_yaml::{self, RawTable};
use crate::catalog;
pub(super) use crate::catalog::Package;
use crate::diag::{Span, nearest};
use crate::finding::{Code, Finding};
use crate::units::{Bytes, MegaBytes, SimDuration};
use crate::yaml::{Key, Node, Value, shorten};
use serde_json::json;
use std::collections::BTreeMap;

/// Zones unless stated: the fewest with which the loss of one is survived.
const ZONES: u32 = 2;
/// HTTP API timeout: its default and its largest value (API Gateway developer guide).
const API_TIMEOUT: SimDuration = SimDuration::from_secs(30);
/// REST API: the largest value without asking for more (API Gateway developer guide).
const REST_TIMEOUT: SimDuration = SimDuration::from_secs(29);
/// A function's own time-out unless stated (Lambda developer guide).
const FUNCTION_TIMEOUT: SimDuration = SimDuration::from_secs(3);

record! {
    /// A model: an architecture as a small graph of components.
    pub(crate) struct RawModel: "a model (a mapping with `entry:` and `components:`)" {
        /// Its name; the file's name unless given.
        optional name: At<String>,
        /// What it stands for, in a sentence.
        optional description: String,
        /// The component where requests enter.
        required entry: At<String>,
        /// The components by name.
        required components: Named<RawComponent>,
        /// Whether instances and functions sit in `public` subnets or in `private` ones behind NAT gateways (default public).
        optional subnets: RawSubnets,
        /// Labour that the architecture takes, shown apart from the bill; nothing unless stated.
        optional operations: RawOperations,
        /// Cost allocation tags by name, e.g. `{ team: shop, cost-centre: "4711" }`: they stand on every row of `focus.csv`.
        optional tags: Named<At<String>>,
    }
    later ["region", "accelerators"]
}

/// A mapping whose keys are names that the user chooses.
#[derive(Debug, Clone)]
pub(crate) struct Named<T> {
    pub(crate) span: Span,
    pub(crate) entries: Vec<(Key, T)>,
}

impl<T: FromYaml> FromYaml for Named<T> {
    const EXPECTS: &'static str = "a mapping of names";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else { return reader.mismatch(node, Self::EXPECTS) };
        let entries = entries.iter().filter_map(|(key, value)| Some((key.clone(), T::read(value, reader)?))).collect();
        Some(Self { span: node.span, entries })
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        json!({ "type": "object", "minProperties": 1, "additionalProperties": T::schema(schemas) })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RawSubnets {
    Public,
    Private,
}

keywords!(RawSubnets, "`public` or `private`", { "public" => Self::Public, "private" => Self::Private });
keywords!(Arch, "a processor architecture (`x86_64` or `arm64`)", { "x86_64" => Self::X86, "arm64" => Self::Arm });
keywords!(Package, "`zip` or `image`", { "zip" => Self::Zip, "image" => Self::Image });
keywords!(Balancing, "a balancing algorithm", {
    "round_robin" => Self::RoundRobin,
    "least_outstanding" => Self::LeastOutstanding,
    "random" => Self::Random,
});

/// One component: exactly one of the kinds.
#[derive(Debug, Clone)]
pub(crate) struct RawComponent {
    span: Span,
    kind: RawKind,
}

#[derive(Debug, Clone)]
enum RawKind {
    HttpApi(RawHttpApi),
    RestApi(RawRestApi),
    LoadBalancer(RawLoadBalancer),
    NetworkBalancer(RawNetworkBalancer),
    Lambda(Box<RawLambda>),
    Fleet(Box<RawFleet>),
    Fargate(Box<RawFargate>),
    Managed(Box<RawManaged>),
    Table(Box<RawTable>),
    Queue(Box<RawQueue>),
    Stream(Box<RawStream>),
    /// Its mistakes have been reported; the name exists.
    Unknown,
}

record! {
    /// A component: exactly one of these kinds.
    struct RawComponentKeys: "a component such as `{ lambda: { memory: 512 MB, runtime: nodejs22 } }`" {
        /// API Gateway HTTP API.
        optional http_api: RawHttpApi,
        /// API Gateway REST API.
        optional rest_api: RawRestApi,
        /// Application load balancer.
        optional load_balancer: RawLoadBalancer,
        /// Network load balancer.
        optional network_load_balancer: RawNetworkBalancer,
        /// Lambda function.
        optional lambda: RawLambda,
        /// EC2 Auto Scaling group.
        optional fleet: RawFleet,
        /// Tasks of a container service on Fargate.
        optional fargate: RawFargate,
        /// Function on Lambda Managed Instances.
        optional managed_instances: RawManaged,
        /// DynamoDB table on demand.
        optional table: RawTable,
        /// SQS standard queue.
        optional queue: RawQueue,
        /// Kinesis data stream or DynamoDB stream.
        optional stream: RawStream,
    }
    later [
        "websocket_api", "function_url", "topic", "bucket",
        "state_machine", "cache", "database", "cdn", "service", "event_bus", "spot_fleet",
    ]
}

impl FromYaml for RawComponent {
    const EXPECTS: &'static str = RawComponentKeys::EXPECTS;

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let keys = RawComponentKeys::read(node, reader);
        let entries = if let Value::Mapping(entries) = &node.value { entries.as_slice() } else { &[] };
        if let [_, (second, _), ..] = entries {
            let help = "give each component a name of its own";
            reader.error("too-many-keys", "a component has one kind", second.span, "a second one", help);
        } else if keys.is_some() && entries.is_empty() {
            let _: Option<()> = reader.mismatch(node, Self::EXPECTS);
        }
        let kind = keys.map_or(RawKind::Unknown, |keys| {
            let RawComponentKeys {
                http_api,
                rest_api,
                load_balancer,
                network_load_balancer,
                lambda,
                fleet,
                fargate,
                managed_instances,
                table,
                queue,
                stream,
                ..
            } = keys;
            http_api
                .map(RawKind::HttpApi)
                .or(rest_api.map(RawKind::RestApi))
                .or(load_balancer.map(RawKind::LoadBalancer))
                .or(network_load_balancer.map(RawKind::NetworkBalancer))
                .or(lambda.map(|lambda| RawKind::Lambda(Box::new(lambda))))
                .or(fleet.map(|fleet| RawKind::Fleet(Box::new(fleet))))
                .or(fargate.map(|fargate| RawKind::Fargate(Box::new(fargate))))
                .or(managed_instances.map(|managed| RawKind::Managed(Box::new(managed))))
                .or(table.map(|table| RawKind::Table(Box::new(table))))
                .or(queue.map(|queue| RawKind::Queue(Box::new(queue))))
                .or(stream.map(|stream| RawKind::Stream(Box::new(stream))))
                .unwrap_or(RawKind::Unknown)
        });
        // The place of the component is its kind's key: short enough to underline.
        let span = entries.first().map_or(node.span, |(key, _)| key.span);
        Some(Self { span, kind })
    }

    fn schema(schemas: &mut Schemas) -> serde_json::Value {
        schemas.define("Component", |schemas| {
            let kinds = RawComponentKeys::schema(schemas);
            json!({ "allOf": [kinds], "minProperties": 1, "maxProperties": 1 })
        })
    }
}

/// `to:`: one component, or one for each request name.
#[derive(Debug, Clone)]
pub(crate) enum RawRoute {
    All(At<String>),
    ByRequest { span: Span, entries: Vec<(Key, At<String>)> },
}

impl RawRoute {
    fn targets(&self) -> Vec<&At<String>> {
        match self {
            Self::All(target) => vec![target],
            Self::ByRequest { entries, .. } => entries.iter().map(|(_, target)| target).collect(),
        }
    }
}

impl FromYaml for RawRoute {
    const EXPECTS: &'static str = "the name of a component, or a map of request names to components";

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Scalar { .. } => At::<String>::read(node, reader).map(Self::All),
            Value::Mapping(entries) => {
                let entries = entries
                    .iter()
                    .filter_map(|(key, value)| Some((key.clone(), At::<String>::read(value, reader)?)))
                    .collect();
                Some(Self::ByRequest { span: node.span, entries })
            }
            _ => reader.mismatch(node, Self::EXPECTS),
        }
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        json!({ "anyOf": [
            { "type": "string" },
            { "type": "object", "minProperties": 1, "additionalProperties": { "type": "string" } },
        ] })
    }
}

record! {
    /// API Gateway HTTP API.
    pub(crate) struct RawHttpApi: "the settings of an HTTP API" {
        /// Where requests go: a component, or a map of request names to components.
        required to: RawRoute,
        /// Added to every request's latency (default uniform 5-15 ms).
        optional latency: Distribution,
        /// Gives up on the integration after this long: 504 (default and largest 30s).
        optional timeout: At<SimDuration>,
    }
    later ["throttling", "authorizer", "cache", "stage", "usage_plans"]
}

record! {
    /// API Gateway REST API.
    pub(crate) struct RawRestApi: "the settings of a REST API" {
        /// Where requests go: a component, or a map of request names to components.
        required to: RawRoute,
        /// Added to every request's latency (default uniform 10-30 ms).
        optional latency: Distribution,
        /// Gives up on the integration after this long: 504 (default and largest 29s).
        optional timeout: At<SimDuration>,
    }
    later ["throttling", "authorizer", "cache", "stage", "usage_plans"]
}

/// What CloudFront runs a function for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EdgeEvent {
    Viewer,
    Origin,
}

keywords!(EdgeEvent, "`viewer` or `origin`", { "viewer" => Self::Viewer, "origin" => Self::Origin });

record! {
    /// Application load balancer.
    pub(crate) struct RawLoadBalancer: "the settings of a load balancer" {
        /// Where requests go: a component, or a map of request names to components.
        required to: RawRoute,
        /// How a target is chosen (default round_robin).
        optional algorithm: Balancing,
        /// Zones it stands in, each with one public IPv4 address (default 2).
        optional zones: At<u32>,
        /// 504 after this long without an answer (default 60s).
        optional idle_timeout: At<SimDuration>,
        /// Added to every request's latency (default 1ms).
        optional latency: Distribution,
        /// Listener rules evaluated for each request; the first 10 are free (default 1).
        optional rules: u32,
        /// A target that comes into service takes its full share after so long, 30s to 15m; round robin only (default: at once).
        optional slow_start: At<SimDuration>,
    }
    later ["stickiness", "cross_zone", "mtls", "connection_lifetime"]
}

record! {
    /// Network load balancer with a TCP listener.
    pub(crate) struct RawNetworkBalancer: "the settings of a network load balancer" {
        /// Where requests go: a fleet, or a map of request names to fleets.
        required to: RawRoute,
        /// Zones it stands in, each with one public IPv4 address (default 2).
        optional zones: At<u32>,
        /// Each zone sends to the targets of all zones, which is paid as traffic between zones (default false).
        optional cross_zone: bool,
        /// Added to every request's latency (default 0s).
        optional latency: Distribution,
    }
    later ["tls", "stickiness"]
}

record! {
    /// Lambda function.
    pub(crate) struct RawLambda: "the settings of a function" {
        /// Memory, 128 MB to 10,240 MB; 1,769 MB = 1 vCPU.
        required memory: At<MegaBytes>,
        /// Processor architecture (default x86_64).
        optional arch: Arch,
        /// Runtime, e.g. nodejs22; its measured init is part of every cold start.
        optional runtime: At<String>,
        /// How the code is packed (default zip).
        optional package: Package,
        /// What loading the user's own code and libraries adds to the init.
        optional dependencies: Distribution,
        /// Replaces the runtime's init, the dependencies and the slower first call.
        optional cold_start: At<Distribution>,
        /// Before the init, seen by the client and not billed (default 150ms; 0s where cold_start is given).
        optional allocation: Distribution,
        /// The function's own time-out, 1s to 900s (default 3s).
        optional timeout: At<SimDuration>,
        /// An idle environment lives this long; a distribution is drawn from once a replication (default 640s).
        optional idle_timeout: At<Distribution>,
        /// An environment ends at this age even when it is used; `observed` is 2.05h (default none).
        optional max_age: RawAge,
        /// A cap and a guarantee of concurrent executions.
        optional reserved_concurrency: At<u64>,
        /// Speed of a full vCPU relative to the reference vCPU (default 1).
        optional speed: At<f64>,
        /// What Lambda itself logs for each call (default 400 B).
        optional platform_log: Bytes,
        /// Environments that are kept ready: a number, or a mapping with a schedule or target tracking.
        optional provisioned_concurrency: NumberOrMore,
        /// Share of the calls that fail after all their work: 500, billed in full, and the next call initialises again (default 0%).
        optional error_rate: Percent,
        /// Starts are restored from a snapshot: `restore:` says how long that takes.
        optional snapstart: RawSnapStart,
        /// `/tmp`, 512 MB to 10,240 MB; 512 MB are free (default 512 MB).
        optional ephemeral_storage: At<MegaBytes>,
        /// Responses are streamed: what exceeds 6 MB of each is paid (default false).
        optional response_streaming: bool,
        /// What the handler calls and waits for, one after another, after the request's own work: tables and other functions.
        optional calls: Vec<RawCall>,
        /// Whoever invokes it is told 202 at once; the event is tried until it succeeds or is given up.
        optional r#async: RawAsync,
        /// What extensions add to an environment's life.
        optional extensions: RawExtensions,
        /// Share of the new environments that Lambda initialises before they are asked for: billed, and nobody waits (default 0%).
        optional proactive_init: Percent,
        /// Lambda@Edge: run by CloudFront for `viewer` events (128 MB, 5 s) or `origin` ones (30 s), at prices of its own.
        optional edge: At<EdgeEvent>,
        /// A request is an execution of several invocations, with checkpoints and waits between them.
        optional durable: RawDurable,
        /// What if an environment took so many requests at once, 1 to 1000: on AWS it takes one (default 1).
        optional environment_concurrency: At<u32>,
    }
    later [
        "concurrency", "failures", "vpc",
        "duration", "cpu_share", "measured_on", "versions", "alias", "scaling",
    ]
}

record! {
    /// SnapStart. Its restore replaces the init of the runtime and of the dependencies.
    pub(crate) struct RawSnapStart: "SnapStart such as `{ restore: { lognormal: { p50: 650ms, p99: 1100ms } } }`" {
        /// Restoring the snapshot, seen by the client and not billed as duration.
        required restore: Distribution,
        /// The after-restore hook, billed (default 0s).
        optional hook: Distribution,
    }
}

/// What a model is read for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// Names of the scenario's requests; `None` when a model is checked by itself.
    pub(crate) classes: Option<&'a [String]>,
    /// Name of a model that states none.
    pub(crate) fallback_name: &'a str,
    /// The year whose limits apply.
    pub(crate) times: Times,
}

/// Reads a model. All mistakes are reported; `None` when there are any that leave no architecture.
pub(crate) fn read(node: &Node, context: Context<'_>, reader: &mut Reader) -> Option<Architecture> {
    let before = reader.findings.len();
    let raw = RawModel::read(node, reader)?;
    let name = raw.name.map_or_else(|| context.fallback_name.to_owned(), |name| name.value);
    let components = raw.components?;
    if components.entries.is_empty() {
        let help = "add e.g. `web: { fleet: { … } }`";
        reader.error("no-components", "the model has no components", components.span, "", help);
        return None;
    }
    if components.entries.len() > usize::from(u16::MAX) {
        reader.error("too-many", "the model has more than 65,535 components", components.span, "", "");
        return None;
    }
    for (key, _) in components.entries.iter().filter(|(key, _)| key.text == "account") {
        // The bill puts under this name what belongs to no component.
        reader.error("reserved-name", "no component can be called `account`", key.span, "", "give it another name");
    }
    let graph = Graph { entries: &components.entries };
    let entry = raw.entry.and_then(|at| Some((graph.resolve(&at, "entry", reader)?, at.span)));
    graph.check_edges(reader);
    graph.check_loops(reader);
    if let Some((entry, span)) = entry {
        graph.check_entry(entry, span, reader);
        // A wrong name or a loop leaves parts unreached by itself.
        if !crate::diag::any_error(&reader.findings[before..]) {
            graph.warn_unreachable(entry, reader);
        }
    }
    let mut findings = Vec::new();
    let mut zones = 0;
    let kinds: Vec<Option<ComponentKind>> = components
        .entries
        .iter()
        .map(|(key, component)| {
            let kind = graph.check(key, component, context, &mut findings, reader);
            zones = zones.max(match &kind {
                Some(ComponentKind::Fleet(fleet)) => fleet.zones,
                Some(ComponentKind::LoadBalancer(balancer)) => balancer.zones,
                _ => 0,
            });
            kind
        })
        .collect();
    let subnets = match raw.subnets.unwrap_or(RawSubnets::Public) {
        RawSubnets::Public => Subnets::Public,
        RawSubnets::Private => Subnets::Private { zones: if zones == 0 { ZONES } else { zones } },
    };
    let tags = tags(raw.tags, reader);
    if crate::diag::any_error(&reader.findings[before..]) {
        return None;
    }
    let operations = raw.operations.and_then(ownership_yaml::operations);
    let components = components
        .entries
        .iter()
        .zip(kinds)
        .map(|((key, _), kind)| kind.map(|kind| Component { name: key.text.clone(), kind }))
        .collect::<Option<Vec<_>>>()?;
    Some(Architecture {
        name,
        description: raw.description,
        tags,
        entry: entry?.0,
        components,
        subnets,
        operations,
        findings,
    })
}

/// Tags within AWS's limits: 50 of them, names of 128 characters, values of 256 (AWS General Reference, tag naming limits).
fn tags(raw: Option<Named<At<String>>>, reader: &mut Reader) -> BTreeMap<String, String> {
    let Some(raw) = raw else { return BTreeMap::new() };
    if raw.entries.len() > 50 {
        let span = reader.first_line(raw.span);
        reader.error("too-many", "a resource has at most 50 tags", span, "", "keep those that the bill is read by");
    }
    for (key, value) in &raw.entries {
        if key.text.chars().count() > 128 || value.value.chars().count() > 256 {
            let help = "use at most 128 characters for its name and 256 for its value";
            reader.error("too-long", "this tag is too long for AWS", key.span, "", help);
        }
    }
    raw.entries.into_iter().map(|(key, value)| (key.text, value.value)).collect()
}

/// The components and how they refer to each other.
struct Graph<'a> {
    entries: &'a [(Key, RawComponent)],
}

impl Graph<'_> {
    fn position(&self, name: &str) -> Option<ComponentId> {
        let position = self.entries.iter().position(|(key, _)| key.text == name)?;
        u16::try_from(position).ok().map(ComponentId)
    }

    fn resolve(&self, name: &At<String>, what: &str, reader: &mut Reader) -> Option<ComponentId> {
        let found = self.position(&name.value);
        if found.is_none() {
            let names = || self.entries.iter().map(|(key, _)| key.text.as_str());
            let help = match nearest(&name.value, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the components are: {}", names().collect::<Vec<_>>().join(", ")),
            };
            let title = format!("`{what}:` names `{}`, which is no component of this model", shorten(&name.value));
            reader.error("no-such-component", title, name.span, "", &help);
        }
        found
    }

    fn route(&self, position: usize) -> Option<&RawRoute> {
        match &self.entries[position].1.kind {
            RawKind::HttpApi(api) => api.to.as_ref(),
            RawKind::RestApi(api) => api.to.as_ref(),
            RawKind::LoadBalancer(balancer) => balancer.to.as_ref(),
            RawKind::NetworkBalancer(balancer) => balancer.to.as_ref(),
            RawKind::Lambda(_)
            | RawKind::Fleet(_)
            | RawKind::Fargate(_)
            | RawKind::Managed(_)
            | RawKind::Table(_)
            | RawKind::Queue(_)
            | RawKind::Stream(_)
            | RawKind::Unknown => None,
        }
    }

    /// What the handler of a function calls.
    fn handler_calls(&self, position: usize) -> &[RawCall] {
        match &self.entries[position].1.kind {
            RawKind::Lambda(function) => function.calls.as_deref().unwrap_or_default(),
            _ => &[],
        }
    }

    /// What a component names as a target, with the key that names it.
    fn targets(&self, position: usize) -> Vec<(&'static str, &At<String>)> {
        let routes = self.route(position).map(RawRoute::targets).unwrap_or_default();
        let calls = self.handler_calls(position).iter().filter_map(|call| call.to.as_ref());
        let mut targets: Vec<_> = routes.into_iter().chain(calls).map(|to| ("to", to)).collect();
        match &self.entries[position].1.kind {
            RawKind::Lambda(function) => {
                let on_failure = function.r#async.as_ref().and_then(|settings| settings.on_failure.as_ref());
                targets.extend(on_failure.filter(|to| to.value != DROP).map(|to| ("on_failure", to)));
            }
            RawKind::Queue(queue) => {
                targets.extend(queue.to.as_ref().map(|to| ("to", to)));
                targets.extend(queue.dead_letter.as_ref().map(|to| ("dead_letter", to)));
            }
            RawKind::Stream(stream) => {
                targets.extend(stream.to.as_ref().map(|to| ("to", to)));
                targets.extend(stream.on_failure.as_ref().map(|to| ("on_failure", to)));
            }
            _ => {}
        }
        targets
    }

    /// Positions that a component calls or sends to, with the place where it says so.
    fn calls(&self, position: usize) -> Vec<(usize, Span)> {
        let targets = self.targets(position).into_iter();
        targets.filter_map(|(_, t)| self.position(&t.value).map(|id| (usize::from(id.0), t.span))).collect()
    }

    /// Whether requests are only left there: nobody waits for what becomes of them.
    fn is_left_at(&self, position: usize) -> bool {
        match &self.entries[position].1.kind {
            RawKind::Queue(_) | RawKind::Stream(_) => true,
            RawKind::Lambda(function) => function.r#async.is_some(),
            _ => false,
        }
    }

    fn word(&self, position: usize) -> &'static str {
        match self.entries[position].1.kind {
            RawKind::HttpApi(_) => "an HTTP API",
            RawKind::RestApi(_) => "a REST API",
            RawKind::LoadBalancer(_) => "a load balancer",
            RawKind::NetworkBalancer(_) => "a network load balancer",
            RawKind::Lambda(_) => "a function",
            RawKind::Fleet(_) => "a fleet",
            RawKind::Fargate(_) => "a service",
            RawKind::Managed(_) => "a function on managed instances",
            RawKind::Table(_) => "a table",
            RawKind::Queue(_) => "a queue",
            RawKind::Stream(_) => "a stream",
            RawKind::Unknown => "a component",
        }
    }

    /// Targets exist, and are of a kind that the caller can call.
    fn check_edges(&self, reader: &mut Reader) {
        for position in 0..self.entries.len() {
            for (key, target) in self.targets(position) {
                let Some(to) = self.resolve(target, key, reader) else { continue };
                let to = usize::from(to.0);
                // A loop is reported as one.
                if self.reaches(to, position) {
                    continue;
                }
                let (caller, callee) = (&self.entries[position].1.kind, &self.entries[to].1.kind);
                let help = match (caller, callee) {
                    (RawKind::Queue(_) | RawKind::Stream(_), _)
                        if key == "to" && (self.is_left_at(to) || !matches!(callee, RawKind::Lambda(_))) =>
                    {
                        "what waits there goes to a `lambda` without `async:`"
                    }
                    (RawKind::Queue(_) | RawKind::Stream(_) | RawKind::Lambda(_), _)
                        if key != "to" && !matches!(callee, RawKind::Queue(_)) =>
                    {
                        "it has to be a `queue`"
                    }
                    (RawKind::LoadBalancer(_), _) if self.is_left_at(to) => {
                        "a load balancer waits for an answer: its targets are a `fleet` or a `lambda` without `async:`"
                    }
                    (RawKind::HttpApi(_) | RawKind::RestApi(_), RawKind::Fleet(_) | RawKind::Fargate(_)) => {
                        "put a `load_balancer` between them"
                    }
                    (
                        RawKind::LoadBalancer(_),
                        RawKind::HttpApi(_)
                        | RawKind::RestApi(_)
                        | RawKind::LoadBalancer(_)
                        | RawKind::NetworkBalancer(_),
                    ) => "a load balancer's targets are a `fleet` or a `lambda`",
                    (RawKind::NetworkBalancer(_), RawKind::Lambda(_) | RawKind::Managed(_)) => {
                        "only a `load_balancer` can call a function"
                    }
                    (
                        RawKind::NetworkBalancer(_),
                        RawKind::HttpApi(_)
                        | RawKind::RestApi(_)
                        | RawKind::LoadBalancer(_)
                        | RawKind::NetworkBalancer(_),
                    ) => "a network load balancer's targets are a `fleet`",
                    (RawKind::HttpApi(_) | RawKind::RestApi(_), RawKind::HttpApi(_) | RawKind::RestApi(_)) => {
                        "an API calls a `lambda` or a `load_balancer`"
                    }
                    (RawKind::Queue(_) | RawKind::Stream(_), RawKind::Lambda(function))
                        if function.durable.is_some() =>
                    {
                        "a queue's or a stream's batch is not handled by a durable function in the model: remove `durable:`"
                    }
                    (RawKind::Queue(_) | RawKind::Stream(_) | RawKind::Lambda(_), RawKind::Lambda(function))
                        if function.environment_concurrency.as_ref().is_some_and(|at| at.value > 1) =>
                    {
                        "only clients, APIs and balancers call a function with `environment_concurrency:`: remove that"
                    }
                    (_, RawKind::Lambda(function)) if function.edge.is_some() => {
                        "only CloudFront calls it, which is not modelled: make it the `entry:`"
                    }
                    (
                        RawKind::HttpApi(_)
                        | RawKind::RestApi(_)
                        | RawKind::LoadBalancer(_)
                        | RawKind::NetworkBalancer(_),
                        RawKind::Table(_),
                    ) => "put a `lambda` between them that has it among its `calls:`",
                    (
                        RawKind::Lambda(_),
                        RawKind::HttpApi(_)
                        | RawKind::RestApi(_)
                        | RawKind::LoadBalancer(_)
                        | RawKind::NetworkBalancer(_)
                        | RawKind::Fleet(_)
                        | RawKind::Managed(_)
                        | RawKind::Fargate(_),
                    ) => "a function calls a `table`, a `queue`, a `stream` or another `lambda`",
                    _ => continue,
                };
                let title = format!("{} cannot call {}", self.word(position), self.word(to));
                reader.error("wrong-target", title, target.span, "", help);
            }
        }
    }

    /// Whether `from` calls `to`, directly or through others, or is it.
    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut seen = vec![false; self.entries.len()];
        let mut open = vec![from];
        while let Some(position) = open.pop() {
            if position == to {
                return true;
            }
            if !std::mem::replace(&mut seen[position], true) {
                open.extend(self.calls(position).into_iter().map(|(next, _)| next));
            }
        }
        false
    }

    /// Reports each loop of calls and messages once, at the call that closes it.
    fn check_loops(&self, reader: &mut Reader) {
        // 0 = not visited, 1 = on the path, 2 = done.
        let mut state = vec![0_u8; self.entries.len()];
        for start in 0..self.entries.len() {
            if state[start] != 0 {
                continue;
            }
            state[start] = 1;
            let mut path = vec![(start, self.calls(start))];
            while let Some((_, calls)) = path.last_mut() {
                let Some((next, span)) = calls.pop() else {
                    if let Some((position, _)) = path.pop() {
                        state[position] = 2;
                    }
                    continue;
                };
                match state[next] {
                    0 => {
                        state[next] = 1;
                        let calls = self.calls(next);
                        path.push((next, calls));
                    }
                    1 => {
                        let from = path.iter().position(|(position, _)| *position == next).unwrap_or(0);
                        let mut names: Vec<_> =
                            path[from..].iter().map(|(p, _)| self.entries[*p].0.text.as_str()).collect();
                        names.push(&self.entries[next].0.text);
                        let left = path[from..].iter().any(|(position, _)| self.is_left_at(*position));
                        let (what, help) = if left {
                            ("calls and messages", "each request could make another one for ever: break the loop")
                        } else {
                            (
                                "synchronous calls",
                                "each call waits for its reply, so no request would ever end: break the loop",
                            )
                        };
                        let title = format!("a loop of {what}: {}", names.join(" -> "));
                        reader.error("call-loop", title, span, "this call closes the loop", help);
                    }
                    _ => {}
                }
            }
        }
    }

    fn check_entry(&self, entry: ComponentId, span: Span, reader: &mut Reader) {
        let (key, component) = &self.entries[usize::from(entry.0)];
        // A single server may stand for itself; several need somebody who spreads the requests.
        let max = match &component.kind {
            RawKind::Fleet(fleet) => fleet.max.as_ref(),
            RawKind::Fargate(service) => service.max.as_ref(),
            _ => None,
        };
        if max.is_some_and(|max| max.value > 1) {
            let name = shorten(&key.text);
            let title = format!(
                "requests enter at {} `{name}` without a load balancer",
                self.word(usize::from(entry.0)).replacen("a ", "the ", 1)
            );
            let help =
                "add `lb: { load_balancer: { to: … } }` and make it the `entry:`; one server (`max: 1`) needs none";
            reader.error("fleet-entry", title, span, "", help);
        }
        if matches!(component.kind, RawKind::Table(_)) {
            let title = format!("requests cannot enter at the table `{}`", shorten(&key.text));
            let help = "make a `lambda` the `entry:` that has it among its `calls:`";
            reader.error("table-entry", title, span, "", help);
        }
    }

    fn warn_unreachable(&self, entry: ComponentId, reader: &mut Reader) {
        for (position, (key, _)) in self.entries.iter().enumerate() {
            if !self.reaches(usize::from(entry.0), position) {
                let title = format!("no request reaches `{}`", shorten(&key.text));
                let help = "its capacity is paid all the same; name it in a `to:` or among a function's `calls:`, or remove it";
                reader.warn("unreachable", title, key.span, "", help);
            }
        }
    }

    /// One entry a class of requests. Targets that do not exist have been reported.
    fn resolve_route(&self, route: &RawRoute, classes: Option<&[String]>, reader: &mut Reader) -> Option<Route> {
        match route {
            RawRoute::All(target) => {
                let id = self.position(&target.value)?;
                Some(Route(vec![id; classes.map_or(1, <[String]>::len)]))
            }
            RawRoute::ByRequest { span, entries } => {
                let Some(classes) = classes else {
                    return entries
                        .iter()
                        .map(|(_, target)| self.position(&target.value))
                        .collect::<Option<_>>()
                        .map(Route);
                };
                for (key, _) in entries.iter().filter(|(key, _)| !classes.contains(&key.text)) {
                    let help = match nearest(&key.text, classes.iter().map(String::as_str)) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("the scenario's requests are: {}", classes.join(", ")),
                    };
                    let title = format!("`{}` is no request of the scenario", shorten(&key.text));
                    reader.error("no-such-request", title, key.span, "", &help);
                }
                let target = |class: &String| {
                    entries.iter().find(|(key, _)| key.text == *class).map(|(_, target)| target.value.as_str())
                };
                let missing: Vec<_> =
                    classes.iter().filter(|class| target(class).is_none()).map(|class| format!("`{class}`")).collect();
                if !missing.is_empty() {
                    let span = reader.first_line(*span);
                    let title = format!("`to:` does not say where {} go", missing.join(", "));
                    reader.error("request-without-target", title, span, "", "add each of them with its component");
                    return None;
                }
                classes.iter().map(|class| self.position(target(class)?)).collect::<Option<_>>().map(Route)
            }
        }
    }

    fn check(
        &self,
        key: &Key,
        component: &RawComponent,
        context: Context<'_>,
        findings: &mut Vec<Finding>,
        reader: &mut Reader,
    ) -> Option<ComponentKind> {
        match &component.kind {
            RawKind::HttpApi(raw) => {
                let timeout =
                    within(raw.timeout.as_ref(), SimDuration::from_millis(50), API_TIMEOUT, API_TIMEOUT, reader);
                // From memory: 5-15 ms; no measurement with a date was found.
                let latency = raw.latency.clone().unwrap_or(Distribution::Uniform {
                    low: SimDuration::from_millis(5),
                    high: SimDuration::from_millis(15),
                });
                let to = self.resolve_route(raw.to.as_ref()?, context.classes, reader)?;
                Some(ComponentKind::HttpApi(HttpApi { to, latency, timeout, rest: false }))
            }
            RawKind::RestApi(raw) => {
                let timeout =
                    within(raw.timeout.as_ref(), SimDuration::from_millis(50), REST_TIMEOUT, REST_TIMEOUT, reader);
                // From memory: 10-30 ms; no measurement with a date was found.
                let latency = raw.latency.clone().unwrap_or(Distribution::Uniform {
                    low: SimDuration::from_millis(10),
                    high: SimDuration::from_millis(30),
                });
                let to = self.resolve_route(raw.to.as_ref()?, context.classes, reader)?;
                Some(ComponentKind::HttpApi(HttpApi { to, latency, timeout, rest: true }))
            }
            RawKind::LoadBalancer(raw) => {
                let zones = zones(raw.zones.as_ref(), reader);
                let (second, day) = (SimDuration::from_secs(1), SimDuration::from_secs(4_000));
                let idle_timeout = within(raw.idle_timeout.as_ref(), second, day, SimDuration::from_secs(60), reader);
                let latency = raw.latency.clone().unwrap_or(Distribution::Constant(SimDuration::from_millis(1)));
                let to = self.resolve_route(raw.to.as_ref()?, context.classes, reader)?;
                Some(ComponentKind::LoadBalancer(LoadBalancer {
                    to,
                    algorithm: raw.algorithm.unwrap_or(Balancing::RoundRobin),
                    zones,
                    idle_timeout,
                    latency,
                    rules: raw.rules.unwrap_or(1),
                    slow_start: slow_start(raw, reader),
                    network: None,
                }))
            }
            RawKind::NetworkBalancer(raw) => {
                let to = self.resolve_route(raw.to.as_ref()?, context.classes, reader)?;
                let cross_zone = raw.cross_zone.unwrap_or(false);
                Some(ComponentKind::LoadBalancer(LoadBalancer {
                    to,
                    algorithm: if cross_zone { Balancing::Random } else { Balancing::Zonal },
                    zones: zones(raw.zones.as_ref(), reader),
                    // For TCP (ELB user guide).
                    idle_timeout: SimDuration::from_secs(350),
                    latency: raw.latency.clone().unwrap_or(Distribution::ZERO),
                    rules: 0,
                    slow_start: SimDuration::ZERO,
                    network: Some(Network { cross_zone }),
                }))
            }
            RawKind::Lambda(raw) => {
                let calls = self.check_calls(key, raw, context, findings, reader);
                let asynchronous = raw.r#async.as_ref().map(|settings| {
                    let to = settings.on_failure.as_ref().filter(|to| to.value != DROP);
                    queue_yaml::check_async(settings, to.and_then(|to| self.position(&to.value)), reader)
                });
                let function = check_lambda(key, component.span, raw, context.times, findings, reader)?;
                if let Some(at) = &raw.environment_concurrency {
                    let concurrency = check_environment_concurrency(raw, at, reader);
                    let drawn = function.lifecycle.idle.is_some() || context.times != Times::Today;
                    if concurrency > 1 && drawn {
                        let help = "remove it: neither an idle time that is drawn nor other years' limits go with it";
                        let title = "several requests in such an environment are not modelled";
                        reader.error("not-with-several", title, at.span, "", help);
                    }
                    if concurrency > 1 {
                        return Some(ComponentKind::Pool(Box::new(Pool { function, concurrency })));
                    }
                }
                Some(ComponentKind::Lambda(Function { calls, asynchronous, ..function }))
            }
            RawKind::Stream(raw) => {
                let named = |at: &Option<At<String>>| at.as_ref().and_then(|at| self.position(&at.value));
                let (to, on_failure) = (named(&raw.to), named(&raw.on_failure));
                stream_yaml::check(raw, to, on_failure, reader).map(ComponentKind::Stream)
            }
            RawKind::Queue(raw) => {
                let to = raw.to.as_ref().and_then(|to| self.position(&to.value));
                let to = to.and_then(|to| match &self.entries[usize::from(to.0)].1.kind {
                    RawKind::Lambda(function) => {
                        Some((to, function.timeout.as_ref().map_or(FUNCTION_TIMEOUT, |at| at.value)))
                    }
                    _ => None,
                });
                let dead_letter = raw.dead_letter.as_ref().and_then(|to| self.position(&to.value));
                Some(ComponentKind::Queue(queue_yaml::check(raw, to, dead_letter, reader)))
            }
            RawKind::Fargate(raw) => {
                fleet_yaml::check_fargate(key, component.span, raw, findings, reader).map(ComponentKind::Fleet)
            }
            RawKind::Managed(raw) => {
                managed_yaml::check(key, component.span, raw, findings, reader).map(ComponentKind::Fleet)
            }
            RawKind::Fleet(raw) => {
                fleet_yaml::check_fleet(key, component.span, raw, findings, reader).map(ComponentKind::Fleet)
            }
            RawKind::Table(raw) => Some(ComponentKind::Table(table_yaml::check(raw, reader))),
            RawKind::Unknown => None,
        }
    }

    /// What a function calls. Targets that do not exist have been reported.
    fn check_calls(
        &self,
        key: &Key,
        raw: &RawLambda,
        context: Context<'_>,
        findings: &mut Vec<Finding>,
        reader: &mut Reader,
    ) -> Vec<Outbound> {
        let raw = raw.calls.as_deref().unwrap_or_default();
        if let Some(to) = raw.get(MOST_CALLS).and_then(|call| call.to.as_ref()) {
            let help = format!("list at most {MOST_CALLS}");
            reader.error("too-many", "a handler that makes so many calls", to.span, "", &help);
        }
        let mut calls = Vec::new();
        for call in raw.iter().take(MOST_CALLS) {
            let Some((to, id)) = call.to.as_ref().and_then(|to| Some((to, self.position(&to.value)?))) else {
                continue;
            };
            let callee = match &self.entries[usize::from(id.0)].1.kind {
                RawKind::Table(_) => Callee::Table,
                RawKind::Lambda(_) if self.is_left_at(usize::from(id.0)) => Callee::Async,
                RawKind::Lambda(_) => Callee::Function,
                RawKind::Queue(_) | RawKind::Stream(_) => Callee::Queue,
                _ => Callee::Other,
            };
            if !matches!(callee, Callee::Table | Callee::Other) && call.cpu.is_none() && call.wait.is_none() {
                let says =
                    format!("it calls `{}`, which is taken to need what the request itself needs", shorten(&to.value));
                warn(key, to.span, Code::SameWork, &says, "state its `cpu:` and `wait:` in the call", findings, reader);
            }
            calls.extend(calls_yaml::check(call, id, callee, context.classes, reader));
        }
        calls
    }
}

/// The slow start of a balancer's targets (ALB user guide: 30 to 900 s, not with least outstanding requests).
fn slow_start(raw: &RawLoadBalancer, reader: &mut Reader) -> SimDuration {
    let (low, high) = (SimDuration::from_secs(30), SimDuration::from_secs(900));
    let found = within(raw.slow_start.as_ref(), low, high, SimDuration::ZERO, reader);
    if let Some(at) = &raw.slow_start
        && raw.algorithm.is_some_and(|algorithm| algorithm != Balancing::RoundRobin)
    {
        let help = "remove it, or `algorithm:`: slow start goes with round robin only";
        reader.error("no-slow-start", "this algorithm has no slow start", at.span, "", help);
    }
    found
}

/// A duration within limits, or the default.
pub(super) fn within(
    value: Option<&At<SimDuration>>,
    low: SimDuration,
    high: SimDuration,
    default: SimDuration,
    reader: &mut Reader,
) -> SimDuration {
    let Some(at) = value else { return default };
    if at.value < low || at.value > high {
        let title = format!("{} is out of range", at.value);
        reader.error("out-of-range", title, at.span, "", &format!("write {low} to {high}"));
    }
    at.value
}

pub(super) fn zones(value: Option<&At<u32>>, reader: &mut Reader) -> u32 {
    let Some(at) = value else { return ZONES };
    if !(1..=6).contains(&at.value) {
        reader.error(
            "out-of-range",
            format!("{} zones", at.value),
            at.span,
            "",
            "a region has 1 to 6 zones; write `2` or `3`",
        );
    }
    at.value
}

pub(super) fn speed(value: Option<&At<f64>>, reader: &mut Reader) -> f64 {
    let Some(at) = value else { return 1.0 };
    if !(0.01..=100.0).contains(&at.value) {
        let title = format!("a speed of {} is out of range", at.value);
        reader.error("out-of-range", title, at.span, "", "write a factor relative to the reference vCPU, e.g. `1.2`");
    }
    at.value
}

/// Adds a finding to the model (for the report) and to the reader's (for the terminal).
pub(super) fn warn(
    key: &Key,
    span: Span,
    code: Code,
    says: &str,
    help: &str,
    all: &mut Vec<Finding>,
    reader: &mut Reader,
) {
    all.push(Finding::new(code, format!("{}: {says}", key.text)).of(&key.text).fix(help));
    reader.warn(code.key(), format!("`{}`: {says}", shorten(&key.text)), span, "", help);
}

fn check_lambda(
    key: &Key,
    span: Span,
    raw: &RawLambda,
    times: Times,
    findings: &mut Vec<Finding>,
    reader: &mut Reader,
) -> Option<Function> {
    let second = SimDuration::from_secs;
    if let Some(memory) = &raw.memory
        && !(128..=10_240).contains(&memory.value.0)
    {
        let title = format!("{} MB is out of range", memory.value.0);
        reader.error("out-of-range", title, memory.span, "", "write 128 MB to 10240 MB");
    }
    let timeout = within(raw.timeout.as_ref(), second(1), times.longest_timeout(), FUNCTION_TIMEOUT, reader);
    let (idle_timeout, idle) = lifecycle_yaml::idle(raw.idle_timeout.as_ref());
    let idle_timeout = within(idle_timeout.as_ref(), second(1), second(7 * 86_400), times.idle_timeout(), reader);
    let max_age = raw.max_age.as_ref().and_then(RawAge::age);
    let max_age = max_age.map(|(age, at)| within(at, second(1), second(365 * 86_400), age, reader));
    let arch = raw.arch.unwrap_or(Arch::X86);
    let package = raw.package.unwrap_or(Package::Zip);
    let memory = raw.memory.as_ref().map_or(MegaBytes(1_769), |memory| memory.value);
    let speed = speed(raw.speed.as_ref(), reader);
    let runtime = raw.runtime.as_ref();
    let (mut init, mut first_call) = (Vec::new(), SimDuration::ZERO);
    if let Some(cold_start) = &raw.cold_start {
        if raw.dependencies.is_some() {
            let help = "put everything into `cold_start:`, or remove it and keep `runtime:` and `dependencies:`";
            let title = "`cold_start` replaces `dependencies`, which is given, too";
            reader.error("two-cold-starts", title, reader.first_line(cold_start.span), "", help);
        }
        init.push(cold_start.value.clone());
    } else if let Some(runtime) = runtime {
        match catalog::lambda_runtime(&runtime.value, package, arch, memory) {
            Some(start) => {
                init.push(times.init(&runtime.value).unwrap_or(start.init));
                first_call = start.first_call;
            }
            None => {
                let names = catalog::lambda_runtimes();
                let help = match nearest(&runtime.value, names.iter().copied()) {
                    Some(near) if near != runtime.value => format!("did you mean `{near}`? Or state `cold_start:`"),
                    Some(_) => "it was not measured in this package and architecture: state `cold_start:`".to_owned(),
                    None => format!("one of {}; or state `cold_start:`", names.join(", ")),
                };
                let title = format!("the start-up of the runtime `{}` is not known", shorten(&runtime.value));
                reader.error("unknown-runtime", title, runtime.span, "", &help);
            }
        }
        match &raw.dependencies {
            Some(dependencies) => init.push(dependencies.clone()),
            None if !raw.given.contains(&"dependencies") => warn(
                key,
                span,
                Code::EmptyProgram,
                "without `dependencies` its start-up is that of an empty program",
                "add e.g. `dependencies: 300ms`, the time that loading your own code takes",
                findings,
                reader,
            ),
            None => {}
        }
    } else if !raw.given.contains(&"runtime") && !raw.given.contains(&"cold_start") {
        let help = "add e.g. `runtime: nodejs22`, or `cold_start:` with a duration";
        reader.error("missing-key", "`runtime` is missing", span, "in this function", help);
    }
    let allocation = raw.allocation.clone().unwrap_or(match raw.cold_start {
        // What the user measured as a cold start includes it.
        Some(_) => Distribution::ZERO,
        // From memory, 100-200 ms: no public measurement apart from the init was found.
        None => Distribution::Constant(SimDuration::from_millis(150)),
    });
    let (mut allocation, mut snapstart) = (allocation, None);
    if let Some(raw_snapstart) = &raw.snapstart {
        let name = runtime.map_or("", |runtime| runtime.value.as_str());
        if !["java", "python", "dotnet"].iter().any(|known| name.starts_with(known)) || package == Package::Image {
            let help = "SnapStart is for Java, Python and .NET runtimes, packed as zip: remove it";
            reader.error("no-snapstart", "this function cannot have SnapStart", raw_snapstart.span, "", help);
        }
        if let Some(cold_start) = &raw.cold_start {
            let help = "remove `cold_start:`, or keep it and remove `snapstart:`";
            let span = reader.first_line(cold_start.span);
            reader.error("two-cold-starts", "`snapstart` replaces `cold_start`, which is given, too", span, "", help);
        }
        if raw.provisioned_concurrency.is_some() || raw.ephemeral_storage.is_some() {
            let help =
                "SnapStart goes neither with provisioned concurrency nor with more than 512 MB of `/tmp`: remove it";
            reader.error("no-snapstart", "this function cannot have SnapStart", raw_snapstart.span, "", help);
        }
        allocation = raw_snapstart.restore.clone()?;
        init = vec![raw_snapstart.hook.clone().unwrap_or(Distribution::ZERO)];
        // Free for Java (AWS.md 1.8).
        snapstart = Some(SnapStart { paid: !name.starts_with("java") });
    }
    let lifecycle = lifecycle_yaml::lifecycle(raw, times, package, &mut init, reader);
    let ephemeral = raw.ephemeral_storage.as_ref();
    if let Some(at) = ephemeral.filter(|at| !(512..=10_240).contains(&at.value.0)) {
        let title = format!("{} MB is out of range", at.value.0);
        reader.error("out-of-range", title, at.span, "", "write 512 MB to 10240 MB");
    }
    check_edge(raw, arch, timeout, reader);
    let durable = match &raw.durable {
        Some(durable) => Some(durable_yaml::check(durable, reader)?),
        None => None,
    };
    if let Some(call) = raw.calls.as_deref().and_then(|calls| calls.first()).filter(|_| durable.is_some())
        && let Some(to) = &call.to
    {
        let help = "remove `calls:`; the steps' work is that of the request";
        reader.error("durable-calls", "a durable function with `calls:` is not modelled", to.span, "", help);
    }
    let reserved = raw.reserved_concurrency.as_ref().map(|reserved| reserved.value);
    let provisioned = match &raw.provisioned_concurrency {
        Some(provisioned) => Some(provisioned_yaml::check(provisioned, reserved, reader)?),
        None => None,
    };
    if let Some(reserved) = raw.reserved_concurrency.as_ref().filter(|reserved| reserved.value == 0) {
        let help = "remove it, or write the greatest number of concurrent executions";
        reader.warn("function-off", "a reserved concurrency of 0 switches the function off", reserved.span, "", help);
    }
    Some(Function {
        memory: raw.memory.as_ref()?.value,
        arch,
        runtime: runtime.map_or_else(|| "custom".to_owned(), |runtime| runtime.value.clone()),
        allocation,
        init,
        first_call,
        timeout,
        idle_timeout,
        max_age,
        reserved_concurrency: reserved,
        speed,
        platform_log: raw.platform_log.unwrap_or(Bytes(400)),
        provisioned,
        error_rate: raw.error_rate.map_or(0.0, |rate| rate.0),
        snapstart,
        ephemeral: ephemeral.map_or(MegaBytes(512), |at| at.value),
        streaming: raw.response_streaming.unwrap_or(false),
        calls: Vec::new(),
        asynchronous: None,
        lifecycle: Lifecycle { idle, ..lifecycle },
        edge: raw.edge.is_some(),
        durable,
    })
}

/// What environments with several requests do not have in the model.
fn check_environment_concurrency(raw: &RawLambda, at: &At<u32>, reader: &mut Reader) -> u32 {
    if !(1..=1_000).contains(&at.value) {
        let title = format!("{} requests at once in an environment", at.value);
        reader.error("out-of-range", title, at.span, "", "write 1 to 1000");
    }
    let others = [
        (raw.provisioned_concurrency.is_some(), "provisioned_concurrency"),
        (raw.snapstart.is_some(), "snapstart"),
        (raw.ephemeral_storage.is_some(), "ephemeral_storage"),
        (raw.response_streaming.is_some(), "response_streaming"),
        (raw.max_age.is_some(), "max_age"),
        (raw.extensions.is_some(), "extensions"),
        (raw.proactive_init.is_some(), "proactive_init"),
        (raw.calls.is_some(), "calls"),
        (raw.r#async.is_some(), "async"),
        (raw.durable.is_some(), "durable"),
        (raw.edge.is_some(), "edge"),
    ];
    for (_, what) in others.into_iter().filter(|(given, _)| *given && at.value > 1) {
        let title = format!("`environment_concurrency` does not go with `{what}`");
        reader.error("not-with-several", title, at.span, "", "remove one of the two");
    }
    at.value.max(1)
}

/// What Lambda@Edge does not offer (CloudFront developer guide, restrictions on edge functions).
fn check_edge(raw: &RawLambda, arch: Arch, timeout: SimDuration, reader: &mut Reader) {
    let Some(edge) = &raw.edge else { return };
    let mut refuse = |title: &str, help: &str| {
        reader.error("not-at-the-edge", title, edge.span, "", help);
    };
    if arch == Arch::Arm {
        refuse("Lambda@Edge has no arm64", "remove `arch:`");
    }
    if raw.runtime.as_ref().is_some_and(|name| !name.value.starts_with("node") && !name.value.starts_with("python")) {
        refuse("Lambda@Edge runs Node.js and Python only", "write e.g. `runtime: nodejs22`");
    }
    let others = [
        (raw.provisioned_concurrency.is_some(), "provisioned_concurrency"),
        (raw.reserved_concurrency.is_some(), "reserved_concurrency"),
        (raw.snapstart.is_some(), "snapstart"),
        (raw.ephemeral_storage.is_some(), "ephemeral_storage"),
        (raw.response_streaming.is_some(), "response_streaming"),
        (raw.r#async.is_some(), "async"),
        (raw.durable.is_some(), "durable"),
        (raw.package == Some(Package::Image), "package: image"),
    ];
    for (_, what) in others.into_iter().filter(|(given, _)| *given) {
        refuse(&format!("Lambda@Edge has no `{what}`"), "remove it, or `edge:`");
    }
    let (longest, memory) = match edge.value {
        EdgeEvent::Viewer => (SimDuration::from_secs(5), 128),
        EdgeEvent::Origin => (SimDuration::from_secs(30), 10_240),
    };
    if timeout > longest {
        refuse(&format!("a time-out of {timeout} at the edge"), &format!("write `timeout: {longest}` or less"));
    }
    if raw.memory.as_ref().is_some_and(|at| at.value.0 > memory) {
        refuse("so much memory at the edge", &format!("write `memory: {memory} MB` or less"));
    }
}

/// Whether a document is a model rather than a scenario.
pub(crate) fn is_model(node: &Node) -> bool {
    let model = ["entry", "components"].iter().filter(|key| node.get(key).is_some()).count();
    let scenario =
        ["traffic", "requests", "architectures", "horizon"].iter().filter(|key| node.get(key).is_some()).count();
    model > scenario
}
