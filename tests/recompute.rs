//! A reader with nothing but the page: every line of every shipped scenario's report, and of scenarios on all kinds of terms, computed again by hand
//! from what the Finance section prints.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

/// The report of a scenario, a short one where bursts allow it.
fn page(scenario: &str, more: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().display().to_string();
    let mut args = vec!["compare", scenario, "--quick", "--quiet", "--replications", "2", "--out", &out];
    args.extend(more);
    let run = Command::new(env!("CARGO_BIN_EXE_costsim")).env("NO_COLOR", "1").args(&args).output().unwrap();
    assert!(run.status.success(), "{}\n{}", args.join(" "), String::from_utf8_lossy(&run.stderr));
    fs::read_to_string(dir.path().join("report.html")).unwrap()
}

// ------------------------------------------------------------------------------------------ what the page says

/// The bill of one architecture as it is printed.
struct Bill {
    blocks: Vec<Block>,
    /// The sentences below it.
    note: String,
}

/// What is printed of one component and key.
struct Block {
    key: String,
    /// What was counted, then how it becomes a month's quantity, shared, free.
    steps: Vec<String>,
    rows: Vec<Row>,
    together: Option<String>,
}

/// A free part, a covered part or a tier.
struct Row {
    steps: Vec<String>,
    quantity: Ratio,
    price: Ratio,
    amount: Ratio,
}

/// A piece of the page without its markup.
fn plain(html: &str) -> String {
    let mut text = String::new();
    for piece in html.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, rest)| rest));
    }
    text.replace("&#39;", "'")
        .replace("&#38;", "&")
        .replace("&amp;", "&")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The texts of all elements that begin so.
fn all(html: &str, begin: &str, end: &str) -> Vec<String> {
    let pieces = html.split(begin).skip(1);
    pieces.map(|piece| plain(&format!("<{}", piece.split(end).next().unwrap()))).collect()
}

fn bills(html: &str) -> Vec<Bill> {
    let (_, section) = html.split_once("<section id=\"finance\"").unwrap();
    let (section, _) = section.split_once("</section>").unwrap();
    section.split("<details>").skip(1).map(bill).collect()
}

fn bill(html: &str) -> Bill {
    let note = all(html, "<p class=\"note\"", "</p>").concat();
    Bill { blocks: html.split("<div class=\"scroll block\"").skip(1).map(block).collect(), note }
}

fn block(html: &str) -> Block {
    let (caption, table) = html.split_once("</caption>").unwrap();
    let (body, foot) = table.split_once("</tbody>").unwrap();
    let (_, body) = body.split_once("<tbody").unwrap();
    Block {
        key: all(caption, "<code", "</code>").concat(),
        steps: all(caption, "<span class=\"step\"", "</span>"),
        rows: body.split("<tr").skip(1).map(row).collect(),
        together: all(foot, "<td", "</td>").pop(),
    }
}

fn row(html: &str) -> Row {
    let cells = all(html, "<td", "</td>");
    let at = |index: usize| number(&cells[index]).unwrap_or_else(|| panic!("no number: {cells:?}"));
    Row { steps: all(html, "<small", "</small>"), quantity: at(1), price: at(3), amount: at(4) }
}

// ------------------------------------------------------------------------------------------ the reader's calculator

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a.abs().max(1) } else { gcd(b, a % b) }
}

/// An exact fraction.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Ratio(i128, i128);

impl Ratio {
    fn new(a: i128, b: i128) -> Self {
        let common = gcd(a, b);
        Self(a / common, b / common)
    }
    fn times(self, other: Self) -> Self {
        // Across first, so that the products stay small.
        let (a, b) = (Self::new(self.0, other.1), Self::new(other.0, self.1));
        Self::new(a.0 * b.0, a.1 * b.1)
    }
    fn over(self, other: Self) -> Self {
        self.times(Self(other.1, other.0))
    }
    fn plus(self, other: Self) -> Self {
        let common = gcd(self.1, other.1);
        Self::new(self.0 * (other.1 / common) + other.0 * (self.1 / common), self.1 / common * other.1)
    }
    fn less(self, other: Self) -> Self {
        self.plus(Self(-other.0, other.1))
    }
    fn is_below(self, other: Self) -> bool {
        self.less(other).0 < 0
    }
    /// Millionths, half to even.
    fn rounded(self) -> i128 {
        self.rounded_to(1_000_000)
    }
    /// Parts of this many to one, half to even.
    fn rounded_to(self, parts: i128) -> i128 {
        let scaled = self.times(Self(parts, 1));
        let (whole, rest) = (scaled.0.div_euclid(scaled.1), scaled.0.rem_euclid(scaled.1));
        match (2 * rest).cmp(&scaled.1) {
            std::cmp::Ordering::Less => whole,
            std::cmp::Ordering::Equal => whole + whole % 2,
            std::cmp::Ordering::Greater => whole + 1,
        }
    }
}

/// `-1,234.5`, `$0.2`, `730h`, `7d` (in hours).
fn number(word: &str) -> Option<Ratio> {
    if let Some(rest) = word.strip_prefix('-') {
        return number(rest).map(|found| Ratio(-found.0, found.1));
    }
    let word = word.trim_start_matches('$').trim_end_matches([',', ';', '.']);
    let (digits, hours) = match word.strip_suffix('d').or_else(|| word.strip_suffix('h')) {
        Some(digits) => (digits, if word.ends_with('d') { 24 } else { 1 }),
        None => (word, 1),
    };
    let plain = digits.replace(',', "");
    if !plain.starts_with(|c: char| c.is_ascii_digit()) || !plain.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let value: i128 = format!("{whole}{fraction}").parse().ok()?;
    Some(Ratio::new(value * hours, 10i128.pow(u32::try_from(fraction.len()).ok()?)))
}

/// What a sentence such as `(12 counted x 730h/7d + 3 counted from bursts) / 5 replications / 1,000 ms in a second (1,000 ms)` comes to: numbers,
/// `x`, `/`, `+` and parentheses; words say what the number before them is, and what stands in parentheses behind words explains.
fn value(text: &str) -> Ratio {
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace("h/", "h / ").replace("d/", "d / ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let found = sum(&tokens, &mut at);
    assert_eq!(at, tokens.len(), "{text}");
    found
}

fn sum(tokens: &[&str], at: &mut usize) -> Ratio {
    let mut found = product(tokens, at);
    while tokens.get(*at) == Some(&"+") {
        *at += 1;
        found = found.plus(product(tokens, at));
    }
    found
}

fn product(tokens: &[&str], at: &mut usize) -> Ratio {
    let mut found = factor(tokens, at);
    loop {
        match tokens.get(*at) {
            Some(&"x") => {
                *at += 1;
                found = found.times(factor(tokens, at));
            }
            Some(&"/") => {
                *at += 1;
                found = found.over(factor(tokens, at));
            }
            _ => return found,
        }
    }
}

fn factor(tokens: &[&str], at: &mut usize) -> Ratio {
    let found = if tokens[*at] == "(" {
        *at += 1;
        let inner = sum(tokens, at);
        assert_eq!(tokens[*at], ")", "{tokens:?}");
        inner
    } else {
        number(tokens[*at]).unwrap_or_else(|| panic!("no number: {tokens:?} at {at}"))
    };
    *at += 1;
    // Words, and an explanation in parentheses behind them.
    let mut words = false;
    while let Some(token) = tokens.get(*at) {
        match *token {
            "x" | "/" | "+" | ")" => break,
            "(" if words => {
                while tokens[*at] != ")" {
                    *at += 1;
                }
            }
            "(" => break,
            _ => words = true,
        }
        *at += 1;
    }
    found
}

// ------------------------------------------------------------------------------------------ the reader

/// How many of each kind of statement were computed again.
#[derive(Default, Debug)]
struct Done {
    quantities: usize,
    counters: usize,
    products: usize,
    parts: usize,
    shared: usize,
    free: usize,
    agreed: usize,
    covered: usize,
    commitments: usize,
    support: usize,
    sums: usize,
    cents: usize,
}

/// The first number behind `before` in a text.
fn after(text: &str, before: &str) -> Option<Ratio> {
    number(text.split_once(before)?.1.split(' ').next()?)
}

/// Both are the same to the last but two of six decimals: each of two cuts may round a share up or down.
fn near(a: Ratio, b: Ratio) -> bool {
    (a.rounded() - b.rounded()).abs() <= 2
}

/// What is left of a key to be cut into parts, each of which is shared in proportion to it.
struct Left {
    mine: Option<Ratio>,
    all: Option<Ratio>,
    /// No other component of the account uses the key.
    alone: bool,
}

impl Left {
    fn tier(&self, whole: Ratio) -> Option<Ratio> {
        Some(whole.times(self.mine?).over(self.all?))
    }

    /// Commitments are the account's own: other accounts have no part in what they cover.
    fn covered(&self, whole: Ratio) -> Option<Ratio> {
        self.alone.then_some(whole)
    }

    fn take(&mut self, row: &Row) {
        let step = row.steps.iter().find(|step| step.contains(": ") && !step.contains("list price"));
        let Some((_, part)) = step.and_then(|step| step.rsplit_once(": ")) else { return };
        let whole = number(part.split(' ').next().unwrap()).unwrap();
        self.mine = self.mine.map(|mine| mine.less(row.quantity));
        self.all = self.all.map(|all| all.less(whole));
    }
}

impl Done {
    fn bill(&mut self, bill: &Bill, month: Ratio) {
        let mut total = Ratio(0, 1);
        let mut by_price: Vec<(&str, Ratio, Ratio)> = Vec::new();
        for block in &bill.blocks {
            self.block(block, month, total);
            for row in &block.rows {
                total = total.plus(row.amount);
                match by_price.iter_mut().find(|(key, price, _)| *key == block.key && *price == row.price) {
                    Some((_, _, sum)) => *sum = sum.plus(row.amount),
                    None => by_price.push((&block.key, row.price, row.amount)),
                }
            }
        }
        assert_eq!(after(&bill.note, " add up to "), Some(total), "{}", bill.note);
        self.sums += 1;
        if let Some(invoiced) = after(&bill.note, "as AWS prints its bills: ") {
            // Halves up.
            let cents = |amount: Ratio| amount.times(Ratio(100, 1)).plus(Ratio(1, 2));
            let cents = by_price.iter().map(|(_, _, sum)| cents(*sum)).map(|c| c.0.div_euclid(c.1)).sum::<i128>();
            assert_eq!(invoiced, Ratio::new(cents, 100), "{}", bill.note);
            self.cents += 1;
        }
    }

    /// `before` is what the lines above come to.
    fn block(&mut self, block: &Block, month: Ratio, before: Ratio) {
        let what = |row: &Row| format!("{}: {:?} {:?}", block.key, block.steps, row.steps);
        let counter = block.steps[0].strip_prefix("Counted: ").unwrap();
        assert!(!counter.starts_with("what is billed by"), "{}: nobody says what is counted", block.key);
        // What this component uses in the month, and what everybody who shares the price does.
        let (mut used, mut together) = (None, None);
        let mut free = Ratio(0, 1);
        for step in &block.steps[1..] {
            if let Some((how, quantity)) = step.split_once(" = ").filter(|_| step.ends_with(" a month")) {
                let quantity = number(quantity.split(' ').next().unwrap()).unwrap();
                assert_eq!(value(how).rounded(), quantity.rounded(), "{step}");
                (used, together) = (Some(quantity), Some(quantity));
                self.quantities += 1;
                // The counters of the simulations are what goes into it, but for what happens once only.
                if let (Some((_, simulated)), false) =
                    (counter.split_once("In each simulation: "), step.contains("one-off"))
                {
                    let all = value(simulated.rsplit(" = ").next().unwrap());
                    let words = how.rsplit_once(" / 2 replications").map_or(how, |(terms, _)| terms);
                    let terms = words.trim_start_matches('(').trim_end_matches(')').split(" + ");
                    let sum = terms.map(|term| number(term.split(' ').next().unwrap()).unwrap());
                    assert_eq!(sum.fold(Ratio(0, 1), Ratio::plus), all, "{}: {step}", block.key);
                    self.counters += 1;
                }
            }
            if let Some(all) = after(step, " components use ") {
                together = Some(all);
            }
            if let Some(others) = after(step, "other accounts use ").filter(|_| step.ends_with("in proportion")) {
                together = together.map(|own| own.plus(others));
            }
            if step.contains(" of it are free") {
                free = number(step.split(' ').next().unwrap()).unwrap();
            }
        }
        let (mut sum, mut quantities) = (Ratio(0, 1), Ratio(0, 1));
        let alone = !block.steps.iter().any(|step| step.contains(" components use "));
        let mut left = Left { mine: used, all: together, alone };
        for row in &block.rows {
            assert_eq!(row.quantity.times(row.price), row.amount, "{}", what(row));
            (sum, quantities) = (sum.plus(row.amount), quantities.plus(row.quantity));
            self.products += 1;
            // Where a key has one line, its steps (or that all of it is free) stand above the table with the others.
            let own = [&block.steps[1..], &row.steps[..]].concat();
            let is_cover = own.iter().any(|step| step.contains("simulated hours with usage"));
            let is_free = own.iter().any(|step| step.starts_with("free tier: "))
                || (row.price.0 == 0 && !is_cover && own.iter().any(|step| step.contains(" of it are free")));
            for step in &row.steps {
                self.row_step(step, row, &left, &what(row));
            }
            left.take(row);
            if is_free {
                let mine = free.times(used.unwrap()).over(together.unwrap());
                assert!(near(mine, row.quantity), "{}: {mine:?} {free:?}", what(row));
                self.free += 1;
            }
            self.covered += usize::from(is_cover);
            // Every amount of nothing says why.
            assert!(row.price.0 != 0 || is_cover || is_free, "{}", what(row));
            self.commitment(&own, row, month, &what(row));
            self.support(&own, row, before);
        }
        if let Some(used) = used {
            assert_eq!(quantities, used, "{}: the parts make the month's quantity", block.key);
            self.parts += 1;
        }
        if let Some(printed) = &block.together {
            assert_eq!(number(printed), Some(sum), "{}", block.key);
            self.sums += 1;
        }
    }

    /// A step of one line alone: its part of a tier, what is covered, the agreed price.
    fn row_step(&mut self, step: &str, row: &Row, left: &Left, what: &str) {
        if let Some((part, mine)) = step.split_once(", of which ") {
            let whole = number(part.rsplit_once(": ").unwrap().1.split(' ').next().unwrap()).unwrap();
            let mine = number(mine).unwrap();
            assert_eq!(mine, row.quantity, "{what}");
            let exact = if step.starts_with("covered by ") { left.covered(whole) } else { left.tier(whole) };
            assert!(exact.is_none_or(|exact| near(exact, mine)), "{what}: {exact:?}");
            self.shared += 1;
        } else if let Some((label, whole)) = step.rsplit_once(": ")
            && ["free tier", "paid", "first ", "over ", "covered by "].iter().any(|word| label.starts_with(word))
        {
            assert_eq!(number(whole.split(' ').next().unwrap()), Some(row.quantity), "{what}");
        }
        if let Some((price, _)) = step.split_once(": private rate, list price $") {
            assert_eq!(number(price), Some(row.price), "{what}");
            self.agreed += 1;
        }
        if let Some((price, how)) = step.split_once(": list price $") {
            let mut words = how.split(" less ");
            let list = number(words.next().unwrap()).unwrap();
            let paid = words.next().unwrap().split(", then ").fold(list, |price, percent| {
                let off = number(percent.split(' ').next().unwrap()).unwrap();
                price.times(Ratio(100, 1).less(off)).over(Ratio(100, 1))
            });
            let trillion = 1_000_000_000_000;
            assert_eq!(paid.rounded_to(trillion), number(price).unwrap().rounded_to(trillion), "{what}");
            assert_eq!(number(price), Some(row.price), "{what}");
            self.agreed += 1;
        }
        if step.contains("simulated hours with usage") {
            let (whole, part) =
                (after(step, "covered whole, which makes ").unwrap(), after(step, "it goes, which makes ").unwrap());
            assert!(
                near(whole.plus(part), row.quantity) || row.steps.iter().any(|s| s.contains(", of which ")),
                "{what}"
            );
        }
    }

    /// The lines of commitments, and how far they reach.
    fn commitment(&mut self, steps: &[String], row: &Row, month: Ratio, what: &str) {
        for step in steps {
            if let Some(hours) = after(step, "paid in each of the ") {
                assert_eq!((hours, hours), (month, row.quantity), "{what}");
                self.commitments += 1;
            }
            if let Some((count, _)) = step.split_once(" reserved x ") {
                let hours = after(step, " reserved x ").unwrap();
                assert_eq!((hours, hours.times(number(count).unwrap())), (month, row.quantity), "{what}");
                self.commitments += 1;
            }
            if let (Some(fee), Some(hours)) = (step.split_once(" upfront each"), after(step, "each / ")) {
                let an_hour = number(fee.0).unwrap().over(hours);
                let trillion = 1_000_000_000_000;
                let shown = after(step, " = ").unwrap();
                if row.price == shown {
                    self.commitments += 1;
                }
                assert_eq!(an_hour.rounded_to(trillion), shown.rounded_to(trillion), "{what}");
            }
            // Where a plan runs out in every hour, what it covers is what its dollars are enough for.
            if let (Some(dollars), Some(rate)) = (after(step, " has "), after(step, " takes ")) {
                let most = month.times(dollars).over(rate);
                assert!(!most.plus(Ratio(2, 1_000_000)).is_below(row.quantity), "{what}");
                let hours = steps.iter().find(|step| step.contains("simulated hours with usage")).unwrap();
                if hours.contains(" 0 are covered whole") {
                    assert!(near(most, row.quantity), "{what}: {most:?}");
                }
            }
        }
    }

    /// The support plan's percentage of all other lines.
    fn support(&mut self, steps: &[String], row: &Row, before: Ratio) {
        for step in steps {
            if let Some(charges) = after(step, "charges of ") {
                assert_eq!(charges.rounded(), before.rounded(), "{step}");
                self.support += 1;
            }
            if let Some((how, result)) = step.split_once(" is less than the minimum of ") {
                let (products, sum) = how.split_once(" = ").unwrap();
                assert_eq!(Some(value(products)), number(sum), "{step}");
                assert!(number(sum).unwrap().is_below(number(result).unwrap()), "{step}");
                assert_eq!(number(result), Some(row.amount), "{step}");
            }
        }
    }
}

/// Everything that one page says.
fn computed(html: &str, month: i128) -> Done {
    let mut done = Done::default();
    for bill in bills(html) {
        done.bill(&bill, Ratio(month, 1));
    }
    done
}

#[test]
fn every_line_of_every_shipped_scenario_can_be_computed_again() {
    let mut lines = 0;
    for name in costsim::catalog::names(costsim::catalog::Kind::Scenario, None) {
        let done = computed(&page(&name, &["--set", "traffic.scale=0.05"]), 730);
        assert!(done.quantities >= 8 && done.counters >= 8 && done.sums >= 2, "{name}: {done:?}");
        assert!(done.parts == done.quantities && done.products >= done.quantities, "{name}: {done:?}");
        lines += done.products;
    }
    assert!(lines > 100, "{lines}");
}

/// Two Savings Plans' hours, reservations with a part upfront, private rates, two percentages, an agreement, others' usage in tiers and free amounts, support
/// below and above its minimum, tax and another currency, bursts of three paces, a queue, a calendar month.
#[test]
fn every_line_on_other_terms_can_be_computed_again() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/terms.yaml");
    let html = page(file.to_str().unwrap(), &[]);
    let done = computed(&html, 672);
    assert!(done.quantities >= 20 && done.shared >= 4 && done.free >= 4 && done.agreed >= 20, "{done:?}");
    assert!(done.covered >= 2 && done.commitments >= 6 && done.support >= 3 && done.cents >= 1, "{done:?}");
    // Beside the bill: the tax and the other currency, of the total to the cent.
    let (_, beside) = html.split_once("<section id=\"beside\"").unwrap();
    let beside = plain(beside.split_once("</section>").unwrap().0);
    for (bill, beside) in bills(&html).iter().zip(beside.split("beside the bill").skip(1)) {
        let total = after(&bill.note, " add up to ").unwrap();
        let cents = |amount: Ratio| {
            let halves = amount.times(Ratio(100, 1)).plus(Ratio(1, 2));
            Ratio::new(halves.0.div_euclid(halves.1), 100)
        };
        let tax = cents(total.times(Ratio(20, 100)));
        assert_eq!(after(beside, "VAT of 20 %: "), Some(tax), "{beside}");
        assert_eq!(after(beside, "not in the total; with it "), Some(cents(total.plus(tax))), "{beside}");
        let euros = cents(total.times(Ratio(92, 100)));
        assert_eq!(after(beside, "EUR "), Some(euros), "{beside}");
        let with_tax = euros.plus(cents(euros.times(Ratio(20, 100))));
        assert_eq!(after(beside, "with VAT EUR "), Some(with_tax), "{beside}");
    }
}

/// The scenario of the hand-over's own test: what a plan covers whole in some hours and as far as it goes in others.
#[test]
fn commitments_by_the_hour_can_be_computed_again() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/committed.yaml");
    let done = computed(&page(file.to_str().unwrap(), &[]), 730);
    assert!(done.covered >= 2 && done.commitments >= 4 && done.support >= 2, "{done:?}");
}
