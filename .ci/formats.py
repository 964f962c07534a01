"""Runs a check in which rules of every level are broken, kept and open and architectures come and go, and holds each report to a parser or
schema from elsewhere. Usage: formats.py COSTSIM ENVIRONMENT; the environment is that of .ci/formats."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
from html.parser import HTMLParser

import jsonschema
import xmlschema
import yaml
from junitparser import Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt

GATE = """gate:
  - { name: budget, metric: monthly_cost.total, limit: "< 1 USD", message: "<b>Spend</b> less & \\"say\\" why | 100 %" }
  - { name: dearer, metric: monthly_cost.total, change: "< 5% or < 1 USD" }
  - { name: slow, metric: latency_ms.p99, limit: "< 1 ms", level: warn }
  - { name: cold, metric: cold_starts, limit: "< 100%", level: info }
  - { name: peak, metric: capacity.peak, limit: "< 1", level: info }
  - { name: winner, metric: verdict, limit: cheapest stays, level: warn }
"""
FORMATS = ["markdown", "junit", "sarif", "json", "bencher", "github", "terminal"]

def check(costsim, work, expected, *arguments):
    command = [costsim, "check", "steady-api", "--gate", "gate.yaml", "--horizon", "1h", "--replications", "5", "--quiet"]
    done = subprocess.run(command + list(arguments), cwd=work, capture_output=True, text=True)
    assert done.returncode == expected, (done.returncode, arguments, done.stderr)


class Balanced(HTMLParser):
    """Tags that are opened are closed, in order; those of the texts are not among them."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag


def junit(text, environment, outcome):
    xmlschema.XMLSchema(str(environment / "junit.xsd")).validate(text)
    cases = [case for suite in JUnitXml.fromstring(text.encode()) for case in suite]
    of = lambda kind: sum(isinstance(result, kind) for case in cases for result in case.result)
    assert len(cases) == len(outcome["findings"]), len(cases)
    broken = [f for f in outcome["findings"] if f["level"] == "deny" and f["state"] == "broken"]
    assert of(Failure) == len(broken) >= 3 and of(Skipped) == 1, (of(Failure), len(broken), of(Skipped))
    return f"{len(cases)} test cases, {of(Failure)} failures"


def sarif(text, environment, gate):
    value = json.loads(text)
    schema = json.loads((environment / "sarif.json").read_text())
    validator = jsonschema.validators.validator_for(schema)
    validator(schema, format_checker=validator.FORMAT_CHECKER).validate(value)
    results = value["runs"][0]["results"]
    for result in (result for result in results if "locations" in result):
        place = result["locations"][0]["physicalLocation"]
        line = gate.read_text().splitlines()[place["region"]["startLine"] - 1]
        assert place["artifactLocation"]["uri"] == "gate.yaml" and f"name: {result['ruleId']}," in line, line
    assert sum("locations" in result for result in results) >= 6
    return f"{len(results)} results, each at its line"


def markdown(text):
    html = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(text)
    balanced = Balanced()
    balanced.feed(html)
    assert not balanced.open, balanced.open
    assert balanced.seen.count("table") == 2 and balanced.seen.count("details") == 1, balanced.seen
    assert "b" not in balanced.seen and "&lt;b&gt;Spend&lt;/b&gt; less &amp;" in html, "the author's text is text"
    for table in re.findall(r"<table>.*?</table>", html, re.S):
        widths = {len(re.findall(r"<t[hd]", row)) for row in re.findall(r"<tr>.*?</tr>", table, re.S)}
        assert len(widths) == 1, widths
    return "two tables, one fold, tags closed"


def bencher(value, environment):
    # Of https://bencher.dev/docs/reference/bencher-metric-format.
    assert value and all(len(name.encode()) <= 1024 for name in value)
    measures = [measure for benchmark in value.values() for measure in benchmark.items()]
    assert len(measures) > 20 and all(len(name.encode()) <= 64 for name, _ in measures)
    assert all(m.get("lower_value", m["value"]) <= m["value"] <= m.get("upper_value", m["value"]) for _, m in measures)
    published = environment / "bencher.json"
    if not published.exists():
        return f"{len(measures)} measures within the documented limits; not held to the published schema"
    schema = json.loads(published.read_text())
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    validator(schema).validate(value)
    # It holds metrics to something: one without its value is refused.
    broken = {name: {measure: {} for measure in benchmark} for name, benchmark in value.items()}
    assert not validator(schema).is_valid(broken)
    return f"{len(measures)} measures, valid by the published schema {schema['$id']}"


def main(costsim, environment):
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        gate = work / "gate.yaml"
        gate.write_text(GATE)
        check(costsim, work, 100, "--set", "traffic.scale=0.02", "--arch", "lambda-http-api,ec2-asg-alb", "--write-baseline", "base.json")
        reports = [part for format in FORMATS for part in ("--report", f"{format}={format}")]
        names = "lambda-http-api,lambda-http-api-1024"
        check(costsim, work, 100, "--set", "traffic.scale=0.3", "--arch", names, "--baseline", "base.json", *reports)
        text = {format: (work / format).read_text() for format in FORMATS}
        outcome = json.loads(text["json"])
        states = {finding["state"] for finding in outcome["findings"]}
        assert {"kept", "broken", "new", "removed"} <= states, states
        print("JUnit: valid by the xUnit plug-in's schema,", junit(text["junit"], environment, outcome))
        print("SARIF: valid by the schema of OASIS,", sarif(text["sarif"], environment, gate))
        print("Markdown: read by markdown-it,", markdown(text["markdown"]))
        print("Bencher metrics:", bencher(json.loads(text["bencher"]), environment))
        for line in text["github"].splitlines():
            assert re.fullmatch(r"::(error|warning|notice) (file=[^,:]+,line=\d+,col=\d+,)?title=[^,:]+::.+", line), line
        print("GitHub annotations: well formed")
    for example in sorted(pathlib.Path("examples/ci").glob("*.y*ml")):
        assert isinstance(yaml.safe_load(example.read_text()), dict), example


main(str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]))
