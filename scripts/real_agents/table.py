"""The table for people: a line for each run, then a line for each field that differs."""


def heading():
    return f"{'agent':9} {'version':8} {'case':10} {'seconds':>7}  {'calls':>9} {'tokens in+cached+out':>22} {'life':24} result"


def line(run):
    if run.get("skipped"):
        return f"{run['agent']:9} {run['version']:8} {run['case']:10} {'':7}  {run['skipped']}"
    tokens = sum(run["recorded"][field] for field in ("input", "cache read", "cache write", "output"))
    result = ", ".join(f"{len(run[key])} {word}" for key, word in (("errors", "wrong"), ("limits", "known")) if run[key]) or "ok"
    return (f"{run['agent']:9} {run['version']:8} {run['case']:10} {run['seconds']:7.1f}  {run['recorded']['calls']:>9} {tokens:>22} "
            f"{run['recorded']['life'][:24]:24} {result}")


def differences(run):
    for field in run.get("differs", []):
        known = run["limits"].get(field)
        true = run["true"][field]
        true = " or ".join(map(str, true)) if isinstance(true, list) else true
        yield f"    {field:12} recorded {run['recorded'].get(field)!s:32} true {true!s:32} {'known' if known else 'WRONG'}"


def reasons(runs):
    """Why the known limits are limits, each once."""
    whys = {(run["agent"], why) for run in runs for why in run.get("limits", {}).values()}
    return [f"known of {agent}: {why}" for agent, why in sorted(whys)]


def times(agent, version, without, with_setup):
    before, after = sorted(without)[len(without) // 2], sorted(with_setup)[len(with_setup) // 2]
    more = after - before
    each = " | ".join(" ".join(f"{one:.2f}" for one in all_of) for all_of in (without, with_setup))
    return (f"{agent:9} {version:8} without {before:6.2f} s  with {after:6.2f} s  {more * 1000:+6.0f} ms ({more / before * 100:+.1f} %)"
            f"   {each}")
