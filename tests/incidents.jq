# SPDX-License-Identifier: MIT
#
# incidents.jq - complaints about a report, of an incident that claims what
# connleak says (incidents.sh).
#
#	$name	of the incident
#	$claims	its claims, a line each
#	$lines	of each function the line that the report is to name
#	$status	of connleak run

def forms: {
	status: "^status, (?<status>[0-9]+)$",
	cause: "^(?<cause>[a-z-]+)(, (?<how>alone|not alone))?(, in (?<at>\\w+))?$",
	words: "^(?<cause>[a-z-]+): (?<regex>.+)$",
	number: "^(?<cause>[a-z-]+)\\.(?<number>\\w+), (?<range>[0-9].*)$",
	endless: "^no deadline, in (?<pool>\\w+)$",
	finding: "^(?<kind>[a-z:-]+), (?<range>[0-9].*), in (?<at>\\w+)$"
};

def claims: $claims | split("\n")[] | select(. != "");
def claimed($form): claims | capture(forms[$form]);

# A range is `11` or `7 to 14`.
def is_in($range): . as $value | $range | split(" to ") | map(tonumber) |
	$value != null and $value >= .[0] and $value <= .[-1];

def line_in($function): $lines[$function] // "?";

def misread: claims | select([. as $claim | forms[] | . as $form |
		$claim | select(test($form))] | length != 1) |
	"what does '\(.)' mean?";

def wrong_status: claimed("status") | select(.status != $status) |
	"status \($status), not \(.status)";

# Where none was enough alone, chance may say which comes first.
def ordered($verdict): if $verdict[0].alone then . else sort end;
def wrong_causes: .verdict as $verdict |
	[$verdict[].cause] as $said | [claimed("cause").cause] |
	select(ordered($verdict) != ($said | ordered($verdict))) |
	"the causes are \($said | join(", ")), not \(join(", "))";

def wrong_weights: .verdict as $verdict | claimed("cause") | select(.how) |
	. as $claim | $verdict[] | select(.cause == $claim.cause and
		.alone != ($claim.how == "alone")) |
	"\(.cause): it is wrong that it is \($claim.how)";

def wrong_places: .verdict as $verdict | claimed("cause") | select(.at) |
	"by \(.at) \($name).c:\(line_in(.at))" as $place |
	. as $claim | $verdict[] | select(.cause == $claim.cause and
		(.text | test($place + "( |,|;|$)") | not)) |
	"\(.cause) is not said to be \($place)";

def wrong_words: .verdict as $verdict | claimed("words") | . as $claim |
	select(any($verdict[]; .cause == $claim.cause and
		(.text | test($claim.regex))) | not) |
	"\(.cause) does not say \(.regex)";

def wrong_numbers: .verdict as $verdict | claimed("number") | . as $claim |
	first(($verdict[] | select(.cause == $claim.cause) |
		.numbers[$claim.number]), null) |
	select(is_in($claim.range) | not) |
	"\($claim.cause).\($claim.number) is \(.), not \($claim.range)";

def wrong_deadlines: [.timeouts.endless_pools[].pool] as $said |
	[claimed("endless").pool] | select(. != $said) |
	"without a deadline are \($said), not \(.)";

# The findings of one place are one, also where it was reached in two ways.
def findings: [.findings[] | {
		kind: ([.kind, .class] | map(values) | join(":")),
		at: .site.function, line: .site.line,
		file: (.site.file // "" | split("/") | .[-1]), count }] |
	group_by([.kind, .at, .line, .file]) |
	map(.[0] + {count: (map(.count) | add)});

def wrong_findings: [claimed("finding")] as $claimed | findings as $found |
	($claimed[] | . as $claim | select(any($found[];
			.kind == $claim.kind and .at == $claim.at and
			.line == line_in(.at) and .file == $name + ".c" and
			(.count | is_in($claim.range))) | not) |
		"no \(.kind), \(.range), in \(.at) at line \(line_in(.at))"),
	($found[] | . as $one | select(any($claimed[];
			.kind == $one.kind and .at == $one.at) | not) |
		"a \(.kind), \(.count), in \(.at) at line \(.line)");

misread, wrong_status, wrong_causes, wrong_weights, wrong_places, wrong_words,
wrong_numbers, wrong_deadlines, wrong_findings
