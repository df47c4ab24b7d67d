"""How long a misspelled key takes to be refused, and `--help` to be printed, beside other runners.

    python benchmarks/refuse.py [--repeat 7] [--cache DIRECTORY]

Each peer is installed in a throw-away environment, once, and gets a configuration that is valid but
for one misspelled key; first it is shown that it takes the same one without the mistake. Cold: each
time a new process, as users type the command, its bytecode compiled before. Nothing is sent
anywhere.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

import peers
import rows
import timing

OURS = Path(sys.executable).with_name("recipe-run")
BAD = peers.ROOT / "tests" / "fixtures" / "bad" / "misspelled-key.yaml"
HELP_LIMIT_S = 0.2


def main() -> None:
    parser = rows.arguments(__doc__, repeat=7)
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path.home() / ".cache" / "recipe-run-bench",
        metavar="DIRECTORY",
        help="where the peers' environments are kept",
    )
    options = parser.parse_args()
    programs = {peer.name: peers.installed(peer, options.cache) for peer in peers.PEERS}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        peers.write_configs(directory, programs["torchtune"])
        for peer in peers.PEERS:
            show_what_is_taken(peer, programs[peer.name], directory)
        refusals = seconds(programs, directory, options.repeat, help_=False)
        helps = seconds(programs, directory, options.repeat, help_=True)
    print_all("refuse a misspelled key", refusals)
    print_all("--help", helps)
    rows.show([*refusal_rows(refusals), *help_rows(helps)], options.rows)


def show_what_is_taken(peer: peers.Peer, programs: Path, directory: Path) -> None:
    """Show that the peer takes the configuration, and refuses the misspelled key for that key."""
    taken = ask(peer, programs, directory, peer.right, codes=(peer.passed_code,))
    require(peer.passed, taken, f"{peer.command} does not take the right configuration")
    refused = ask(peer, programs, directory, peer.wrong, codes=(1, 2))
    require(peer.said, refused, f"{peer.command} refuses something else")
    print(f"{peer.command}: takes the right configuration, refuses the key", end="")
    if peer.lets_pass is not None:
        what, arguments = peer.lets_pass
        passed = ask(peer, programs, directory, arguments, codes=(0,))
        require(peer.passed, passed, f"{peer.command} does not accept {what} any more")
        print(f"; accepts {what}", end="")
    print(flush=True)


def require(wanted: str, said: str, complaint: str) -> None:
    if wanted not in said:
        raise SystemExit(f"{complaint}:\n{said[-2000:]}")


def ask(
    peer: peers.Peer,
    programs: Path,
    directory: Path,
    arguments: Sequence[str],
    *,
    codes: Sequence[int],
) -> str:
    """Run the peer in a home of its own, without a key, and return what it says."""
    program, *first = peer.program
    done = timing.process(
        [programs / program, *first, *arguments],
        directory,
        environment={"HOME": str(directory), "TINKER_API_KEY": ""},
        codes=codes,
    )
    return done.stdout + done.stderr


def seconds(
    programs: dict[str, Path], directory: Path, repeat: int, *, help_: bool
) -> dict[str, list[float]]:
    """Return the seconds of every cold process, ours and each peer's in turns."""
    asked = ["--help"] if help_ else ["validate", BAD]
    codes = (0,) if help_ else (1,)
    works = [partial(timing.process, [OURS, *asked], peers.ROOT, codes=codes)]
    for peer in peers.PEERS:
        arguments = ("--help",) if help_ else peer.wrong
        codes = (peer.help_code,) if help_ else (1, 2)
        works.append(partial(ask, peer, programs[peer.name], directory, arguments, codes=codes))
    taken = timing.in_turns(works, repeat, warm_up=1)
    return dict(zip(["recipe-run", *(peer.command for peer in peers.PEERS)], taken, strict=True))


def print_all(what: str, taken: dict[str, list[float]]) -> None:
    print(f"\n{what}, cold: median (least – most) of {len(taken['recipe-run'])}")
    for name, each in taken.items():
        print(f"  {name:<30}{median(each):7.3f} s  ({min(each):.3f} – {max(each):.3f})")


def refusal_rows(taken: dict[str, list[float]]) -> list[rows.Row]:
    ours = median(taken["recipe-run"])
    found = []
    for peer in peers.PEERS:
        theirs = median(taken[peer.command])
        found.append(
            rows.Row(
                what="refuse a misspelled key, cold",
                against=f"`{peer.command}` ({peer.packages[-1]})",
                ours=f"{ours:.3f} s",
                theirs=f"{theirs:.2f} s",
                ratio=f"{theirs / ours:.1f} times faster",
                goal=f"{peer.goal:g} times faster",
                met=theirs / ours >= peer.goal,
            )
        )
    return found


def help_rows(taken: dict[str, list[float]]) -> list[rows.Row]:
    ours = median(taken["recipe-run"])
    found = []
    for peer in peers.PEERS:
        theirs = median(taken[peer.command])
        found.append(
            rows.Row(
                what="`--help`, cold",
                against=f"{peer.packages[-1]}",
                ours=f"{ours:.3f} s",
                theirs=f"{theirs:.2f} s",
                ratio=f"{theirs / ours:.1f} times faster",
                goal=f"below {HELP_LIMIT_S} s",
                met=ours < HELP_LIMIT_S,
            )
        )
    return found


if __name__ == "__main__":
    main()
