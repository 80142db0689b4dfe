"""`make demo`: the whole of Makker on this machine, with invented people, until Ctrl-C.

`PORT` chooses the port (8080). `ONCE=1` plays every programme's path to its second check-in, prints
what happened step by step, and ends with 0, or with the reason.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo.embedded.postgres import FolderInUse
from demo.outside import Visitor, Wrong
from demo.play import Say, Walk, quietly
from demo.samples import SAMPLES, Sample
from demo.stack import NotSettled, Stack, running
from shared import logs

FOLDER = Path(__file__).parent.parent / ".demo"
READY = "ready.txt"
REPLIES = "referral-replies-v1"

console = Console(highlight=False)


async def whole_path(visitor: Visitor, say: Say = quietly) -> None:
    """Every programme from referral to its second check-in, time being moved."""
    async with visitor.listening(REPLIES) as replies:
        walks = []
        for sample in SAMPLES.values():
            say(f"\n{sample.programme} in {sample.unit}")
            walk = Walk(visitor, sample, 1, replies, visitor.today, lambda text: say(f"  {text}"))
            await walk.offer_place()
            await walk.all_the_way()
            walks.append(walk)
        for number in (1, 2):
            await visitor.days_pass(31 if number == 1 else 62)
            say(f"\nIt is {(await visitor.now())[:10]}")
            for walk in walks:
                say(f"{walk.sample.programme}")
                await walk.hold_check_in()
        await visitor.settle()
        told = {reply["status"] for reply in replies if reply["type"] == "makker.ReferralProgressed.v1"}
        say(f"\nThe publisher was told how its referrals went on: {', '.join(sorted(told))}")


async def furnish(visitor: Visitor, samples: list[Sample], progress: Callable[[str], None]) -> None:
    """Cases of every programme, each left at another point of its way, so that there is something to see."""
    async with visitor.listening(REPLIES) as replies:
        for sample in samples:
            for number, stage in enumerate(("running", "proposed", "preparing"), start=1):
                progress(f"{sample.programme}: {stage}")
                walk = Walk(visitor, sample, number, replies, visitor.today)
                if stage != "preparing":
                    await walk.offer_place()
                await walk.refer()
                if stage == "preparing":
                    continue
                await walk.prepare("match")
                await walk.be_proposed()
                if stage == "running":
                    await walk.answer_all()
                    await walk.agree()
                    await walk.prepare("start")
                    await walk.start()
        await visitor.settle()


async def show(stack: Stack) -> None:
    visitor = Visitor(stack.url, stack.kafka)
    try:
        if os.environ.get("ONCE"):
            await whole_path(visitor, lambda text: print(text, flush=True))
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("cases", total=3 * len(SAMPLES))

            def step(text: str) -> None:
                bar.update(task, description=f"{text:36}")
                bar.advance(task)

            await furnish(visitor, list(SAMPLES.values()), step)
    finally:
        await visitor.close()
    lines = [f"Makker is ready at {stack.url}", f"Kafka at {stack.kafka}"]
    (FOLDER / READY).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines), flush=True)
    console.print(
        f"\nSign in as anybody: {stack.url}/intake/sign-in\n"
        f"What needs you today: {stack.url}/\n"
        f"All mail that was sent: {stack.url}/demo/mailbox\n"
        f"Move time a month on: curl -X POST {stack.url}/demo/clock -H 'content-type: application/json' "
        "-d '{\"days\": 31}'\n"
        "Ctrl-C ends it all.",
        soft_wrap=True,
    )
    await asyncio.Event().wait()


async def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / READY).unlink(missing_ok=True)
    try:
        port = int(os.environ.get("PORT") or (0 if os.environ.get("ONCE") else 8080))
    except ValueError:
        print("PORT is a number, as in PORT=8081.", file=sys.stderr)
        return 2
    me = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, me.cancel if me else sys.exit)
    try:
        console.print("Starting everything. The first time the solver is compiled, too: up to a minute.")
        async with running(FOLDER, port) as stack:
            await show(stack)
    except asyncio.CancelledError:
        console.print("Stopped; nothing is left running.")
    except Wrong as wrong:
        print(f"The path broke: {wrong}", file=sys.stderr)
        return 1
    except NotSettled as late:
        print(f"Not everything came up: {late}", file=sys.stderr)
        return 1
    except FolderInUse:
        print("A demonstration is running in this folder already; end it first.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Cannot serve on port {port}: {error.strerror}. Choose another with PORT=.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "makker.log").open("w", encoding="utf-8") as file:
        logs.configure(os.environ.get("LOG_LEVEL", "INFO"), file)
        logging.captureWarnings(True)
        sys.exit(asyncio.run(main()))
