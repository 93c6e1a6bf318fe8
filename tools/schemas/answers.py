"""The whole answers: one schema for each command, and one for an error among answers."""

from __future__ import annotations

from advisor.check.outcome import Status
from advisor.check.outcome import Verdict as CheckVerdict
from advisor.errors import AdvisorError, ExitCode
from advisor.figure import Origin
from advisor.pull.choose import Reason
from advisor.pull.plan import State
from probes.finding import Severity
from schemas.parts import CANDIDATE, PARTS, SUBJECT
from schemas.words import (
    Schema,
    flag,
    many,
    named_parts,
    number,
    one_of,
    or_null,
    part,
    text,
    thing,
    whole,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"

MACHINE = or_null(
    {
        "$ref": "urn:advisor.machine:1",
        "description": "What the probes saw (advisor.machine/1); null with `--device`.",
    }
)

WHY_NOT_LARGER = text("Why the next larger quant was not chosen.")

ANSWERS: dict[str, Schema] = {
    "scan": thing(
        "What `advisor scan --json` prints.",
        machine=MACHINE,
        target=part("target"),
        min_tokens_per_s=number("The speed floor. [tokens/s]"),
        models=many(part("candidate"), "The best quant of each model that runs, best first."),
        rejected=many(
            part("candidate"), "The smallest quant of each model that does not run, smallest first."
        ),
        recommendation=or_null(
            {
                **thing(
                    "The candidate to download, and how to run it; null when nothing fits.",
                    **CANDIDATE["properties"],
                    why_not_larger=WHY_NOT_LARGER,
                    commands=part("commands"),
                )
            }
        ),
        notes=many(text("One sentence."), "What the Hub said, or why it was not asked."),
    ),
    "show": thing(
        "What `advisor show MODEL --json` prints.",
        model=part("model"),
        target=part("target"),
        quants=many(part("candidate"), "Every quant, largest first."),
        best=or_null(
            thing(
                "The starred quant; null when none runs.",
                quant=text("Its name."),
                why_not_larger=WHY_NOT_LARGER,
                commands=part("commands"),
            )
        ),
        devices=thing(
            "Devices of the catalog that hold one quant whole.",
            quant=text("The best quant here, else the usual one."),
            rows=many(part("device"), "Fastest first."),
        ),
        related=many(text("A model's name."), "Of the same family, nearest in size first."),
        own_mixes=many(
            thing("One file.", label=text("Its label: `UD-Q4_K_XL`."), file=part("file")),
            "Files that publishers mixed in a way of their own, largest first.",
        ),
        notes=many(text("One sentence."), "What somebody who runs the files should know."),
    ),
    "estimate": thing(
        "What `advisor estimate MODEL --json` prints, and `advisor estimate -` for each request.",
        **SUBJECT,
        target=text("What it was estimated for."),
        workload=part("workload"),
        placement=thing(
            "Where the layers are.",
            gpu_layers=whole("Layers on GPUs, the output layer counted."),
            layers=whole(
                "All layers, the output layer counted, and a file's prediction blocks.", least=1
            ),
            n_cpu_moe=whole("First layers whose experts are on the host."),
            tensor_split=or_null(
                many(
                    number("Share of one GPU."),
                    "What was asked for, or holds more; null for by free memory.",
                )
            ),
            layers_by_gpu=many(whole("Layers of one GPU."), "In the order of the devices."),
        ),
        memory=part("memory"),
        fit=part("fit"),
        speed=thing(
            "How fast it goes.",
            decode_tokens_per_s=or_null(part("speed", "At `depth_tokens`; null when unknown.")),
            decode_at_full_context_tokens_per_s=or_null(
                part("speed", "With a full context in the cache; null when unknown.")
            ),
            prefill_tokens_per_s=or_null(
                part("speed", "Reading a prompt of `prompt_tokens`; null on a CPU.")
            ),
            time_to_first_token_s=or_null(
                number("Until an answer to `prompt_tokens` begins; null on a CPU. [s]")
            ),
            time_to_first_token_low_s=or_null(number("Lower end of its 80 % interval. [s]")),
            time_to_first_token_high_s=or_null(number("Upper end of it. [s]")),
            prompt_tokens=whole("The prompt that these are stated for. [tokens]"),
        ),
        command=or_null(
            part("command", "What sets it up so; null where it does not run, or no file is known.")
        ),
        notes=many(text("One sentence."), "What was left out, assumed or not understood."),
    ),
    "devices": thing(
        "What `advisor devices MODEL --json` prints.",
        model=text("The model's name."),
        quant=text("The file type's name."),
        context_tokens=whole("The context it was judged for. [tokens]", least=1),
        considered=whole("Devices that were tried."),
        devices=many(part("device"), "Those that hold the model whole, fastest first."),
    ),
    "models": thing(
        "What `advisor models --json` prints.",
        models=many(part("model"), "In the catalog's order."),
    ),
    "pull": thing(
        "What `advisor pull MODEL --json` prints.",
        model=or_null(text("The model's name; null for one that is not in the catalog.")),
        quant=or_null(text("What the files are named for; null for a name without a label.")),
        reason=text("Why these files, and how they fit, in one sentence."),
        code=one_of(Reason, "Why these files, for programs."),
        endpoint=text("The Hub that was asked, or its mirror."),
        repository=text("Where the files are on it."),
        revision=text("The branch, tag or commit that was asked for."),
        commit=text("The commit that it means."),
        files=many(
            thing(
                "One file, as it was before this run.",
                name=text("Its path in the repository."),
                size_bytes=whole("All of it, as the Hub lists it. Exact. [bytes]"),
                sha256=text("Of all of it, in hexadecimal, as the Hub lists it."),
                state=one_of(
                    State,
                    "What was in the cache: all of it; all its bytes under another commit; what an"
                    " earlier try left; nothing.",
                ),
                missing_bytes=whole("What was not there. [bytes]"),
                path=text("Where it is now; with `--dry-run`, where it would be."),
            ),
            "One, or all parts of a split file in their order.",
        ),
        total_bytes=whole("Of all files together. [bytes]"),
        missing_bytes=whole("What was not there when the run began. [bytes]"),
        cache=text("The folder that huggingface_hub and llama.cpp share."),
        free_bytes=or_null(whole("Free on its disk when the run began; null: not known. [bytes]")),
        reserve_bytes=whole("What a download leaves free there. [bytes]"),
        has_room=flag("False when the disk has less free than is missing and stays free."),
        is_dry_run=flag("True when nothing was fetched because of `--dry-run`."),
        received_bytes=whole("What this run transferred. [bytes]"),
        elapsed_s=or_null(number("How long that took; null for a dry run. [s]")),
        notes=many(text("One sentence."), "What somebody who runs the files should know."),
        commands=part("commands"),
    ),
    "verify": thing(
        "What `advisor verify FILE --json` prints.",
        file=text("The file's name as it was given."),
        whole=flag(
            "True when nothing is missing or contradicts itself, and the SHA-256 is the expected"
            " one where one was given."
        ),
        problem=or_null(text("Why it is not whole, in one sentence; null when it is.")),
        hint=or_null(text("What to do about it; null when there is nothing to say.")),
        contents=or_null(
            thing(
                "What the header says; null where it is cut off, or a part is missing.",
                architecture=or_null(text("llama.cpp's name of it; null where it is not said.")),
                name=or_null(text("The model's; null where it is not said.")),
                quant=or_null(
                    text("The file type that the header names; null for none that is known.")
                ),
                parts=whole("Files that it is split into; 1 for a whole one.", least=1),
                gguf_versions=many(whole("Of the format.", least=2), "One of each part."),
                tensors=whole("In all parts."),
                tensor_bytes=whole("All tensors, without padding. Exact. [bytes]"),
                file_bytes=whole("All parts, as long as they are. [bytes]"),
            )
        ),
        sha256=or_null(
            thing(
                "Of the file that was named; null where none was expected, or it is not whole.",
                expected=text("What it should be, in hexadecimal."),
                found=text("What it is, in hexadecimal."),
                matches=flag("True when they are the same."),
            )
        ),
        notes=many(text("One sentence."), "What is odd and no contradiction."),
    ),
    "bench": thing(
        "What `advisor bench --json` prints.",
        model=text("The model's name."),
        quant=text("The quant's name."),
        target=text("What it ran on."),
        is_kept=flag("True when the measurements are kept for later estimates."),
        measurements=many(part("measurement"), "Decode, and prefill where it was timed."),
        memory=many(
            thing(
                "One part of the memory.",
                place=one_of(("gpu", "host"), "All GPUs together, or the host."),
                part=one_of(("weights", "cache", "scratch"), "What it is for."),
                predicted_bytes=whole("[bytes]"),
                logged_bytes=whole("As the program's log has it, in its digits. [bytes]"),
            ),
            "Empty for a program that logs nothing of it.",
        ),
        others_share=or_null(
            number("Of the processor, by other programs meanwhile; null: not known. [0 to 1]")
        ),
        load_before=or_null(number("Runnable threads over the minute before.")),
        load_after=or_null(number("Runnable threads over the last minute.")),
        notes=many(text("One sentence."), "What was unusual."),
    ),
    "measurements": thing(
        "What `advisor bench --list --json` prints.",
        machine=text("This machine, as measurements name it."),
        measurements=many(part("measurement"), "All that are kept, oldest first."),
    ),
    "check": thing(
        "What `advisor check --format json` prints.",
        verdict=one_of(CheckVerdict, "Met, not met, or undetermined."),
        version=text("The program's version."),
        checked_at=text("When, in UTC, as ISO 8601 says."),
        target=text("The machine, by its GPUs or its processor."),
        simulated=or_null(text("What stands in for this machine; null for nothing.")),
        strict=flag("True when what is undetermined counts as failed."),
        fail_on=one_of(("error", "warning"), "The least severity that decides."),
        counts=thing(
            "Outcomes by what became of them.",
            **{status.value: whole(f"How many: {status.value}.") for status in Status},
        ),
        requirements=many(
            thing(
                "One requirement.",
                name=text("How reports call it."),
                place=or_null(part("place", "Where it begins; null for a command line.")),
            ),
            "In the order of the file; none for a check of the machine's health alone.",
        ),
        outcomes=many(
            thing(
                "What one rule says of one subject.",
                rule=text("The rule's id, such as `ADV101`."),
                name=text("Its name, such as `gpu-driven`."),
                status=one_of(Status, "What became of it."),
                severity=one_of(Severity, "How much it costs."),
                decides=flag("True when it is severe enough to decide the verdict."),
                requirement=or_null(text("The requirement's name; null for the machine's own.")),
                key=or_null(text("The requirement's key that asked for it.")),
                subject=text("What it is about: `machine`, a GPU, a model in a quant."),
                sentence=text("What was found, with the figures compared."),
                hint=or_null(text("What to do.")),
                compared=or_null(
                    thing(
                        "The two figures behind it; null where none were compared.",
                        quantity=text("Its name with its unit: `decode_tokens_per_s`."),
                        value=or_null(number("What there is; null when not known.")),
                        low=or_null(number("Lower end of its interval; null for none.")),
                        high=or_null(number("Upper end of its interval; null for none.")),
                        limit=or_null(number("What was asked; null for no limit.")),
                        origin=or_null(one_of(Origin, "How the value got here.")),
                    )
                ),
                place=or_null(part("place", "Where it is asked for; null for a command line.")),
            ),
            "In the order of the rules, the machine's first.",
        ),
        notes=many(text("One sentence."), "What was assumed or left out."),
    ),
    "doctor": thing(
        "What `advisor doctor --json` prints.",
        version=text("Of the program."),
        catalog_checked=text("The newest day on which a row of the catalog was checked."),
        python=text("The interpreter and its version."),
        packages={
            "type": "object",
            "description": "What the program stands on: version by name, null when missing.",
            "additionalProperties": {"type": ["string", "null"]},
        },
        hub_cache=text("Where downloads go; the home directory is written as `~`."),
        hub_cache_free_bytes=or_null(whole("Free space there; null when not known. [bytes]")),
        machine={"$ref": "urn:advisor.machine:1"},
        target=part("target"),
    ),
    "error": thing(
        "What `advisor estimate -` prints for a line that it cannot answer.",
        error=thing(
            "What is wrong with the request.",
            kind=one_of(
                tuple(sorted(kind.__name__ for kind in AdvisorError.__subclasses__())),
                "The kind of error.",
            ),
            message=text("One sentence."),
            hint=or_null(text("What to do; null when there is nothing to say.")),
            exit_code={
                "enum": sorted(int(code) for code in ExitCode if code > ExitCode.NOTHING_FITS),
                "description": "What the program would have ended with for this request alone.",
            },
        ),
    ),
}


def schema_of(name: str, machine: Schema) -> Schema:
    """The schema of one answer, with every definition that it needs.

    Args:
        name: The answer's name, a key of `ANSWERS`.
        machine: The schema of a recorded machine, which is embedded where it is needed.
    """
    identity = f"advisor.{name}/1"
    answer = ANSWERS[name]
    needed = _closure(named_parts(answer))
    definitions = {key: value for key, value in PARTS.items() if key in needed}
    if any(one.startswith("urn:advisor.machine") for one in needed):
        embedded = {key: value for key, value in machine.items() if key != "$schema"}
        definitions["machine"] = {"$id": "urn:advisor.machine:1", **embedded}
    whole_answer = {
        **answer,
        "properties": {"schema": {"const": identity}, **answer["properties"]},
        "required": ["schema", *answer["required"]],
    }
    definitions_part = {"$defs": definitions} if definitions else {}
    return {"$schema": DIALECT, "title": identity, **whole_answer, **definitions_part}


def _closure(names: set[str]) -> set[str]:
    """These definitions and all that they refer to."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= named_parts(PARTS.get(name, {})) - found
    return found
