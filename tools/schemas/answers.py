"""The whole answers: one schema for each command, and one for an error among answers."""

from __future__ import annotations

from advisor.errors import AdvisorError, ExitCode
from schemas.parts import CANDIDATE, PARTS
from schemas.words import (
    Schema,
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
    ),
    "estimate": thing(
        "What `advisor estimate MODEL --json` prints, and `advisor estimate -` for each request.",
        model=text("The model's name."),
        quant=text("The file type's name."),
        file_bytes=whole("The download's size, as in `file`. [bytes]"),
        file=part("file"),
        tensor_bytes=whole("All tensors. Exact. [bytes]"),
        target=text("What it was estimated for."),
        workload=part("workload"),
        placement=thing(
            "Where the layers are.",
            gpu_layers=whole("Layers on GPUs, the output layer counted."),
            layers=whole("All layers, the output layer counted.", least=1),
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
            prompt_tokens=whole("The prompt that the two above are stated for. [tokens]"),
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
