"""What several answers have in common: figures, speeds, files, memory, targets, rankings."""

from __future__ import annotations

from advisor.estimate.longest import SHOWN_KV_TYPES
from advisor.estimate.result import Verdict, Why
from advisor.estimate.setup import KV_TYPES
from advisor.figure import Origin
from advisor.measurement import Pace
from advisor.request import BACKENDS
from advisor.workload import Era, LoadMode, Runtime
from catalog.device import DeviceKind
from schemas.words import Schema, flag, many, number, one_of, or_null, part, text, thing, whole

ORIGIN = one_of(
    Origin,
    "The weakest origin among what it was built from: measured on this machine, reported by a"
    " driver, kernel or file, published in the catalog, or assumed.",
)
LOW = "Lower end of the 80 % interval; null for what is exact as far as its origin goes."
HIGH = "Upper end of the 80 % interval; null together with `low`."

PARTS: dict[str, Schema] = {
    "figure": thing(
        "A value that is not exact arithmetic on exact inputs.",
        value=number("The value, in the unit that the name of the key says."),
        low=or_null(number(LOW)),
        high=or_null(number(HIGH)),
        origin=ORIGIN,
        source=text("Who said it, or why it is assumed."),
    ),
    "speed": thing(
        "A speed with its 80 % prediction interval.",
        value=number("[tokens/s]"),
        low=number("Lower end of the interval. [tokens/s]"),
        high=number("Upper end of the interval. [tokens/s]"),
        origin=ORIGIN,
        bound_by=one_of(
            ("bandwidth", "overhead", "compute", "pcie"),
            "What most of the time goes to: reading memory, launching kernels, arithmetic, or"
            " handing activations from device to device.",
        ),
        calibration=or_null(
            thing(
                "What `advisor bench` measured on this machine, and what that made of the"
                " prediction; null where nothing that bears on it was measured.",
                factor=or_null(
                    number("The speed over what was predicted; null where nothing was.")
                ),
                is_exact=flag(
                    "True when the very same work was measured: `value` is then the measurement,"
                    " `low` and `high` its slowest and fastest repetition."
                ),
                models=whole("Models that were measured.", least=1),
                measurements=many(
                    whole("As `advisor bench --list` numbers it.", least=1),
                    "The measurements that were used.",
                ),
            )
        ),
    ),
    "measurement": thing(
        "One speed that was measured on this machine.",
        number=or_null(whole("What `advisor bench --list` calls it; null: not kept.", least=1)),
        taken_at=text("When it ended, in UTC (ISO 8601)."),
        machine=text("Processor, memory and GPUs of the machine."),
        speed=one_of(Pace, "Which speed was timed."),
        model=text("The model's name."),
        repository=text("Where the model comes from; its name where that is not known."),
        quant=text("The quant's name."),
        file=or_null(text("The file's name; null where a server does not say.")),
        file_bytes=or_null(whole("The file's size, a split file's first part's. [bytes]")),
        file_mark=or_null(text("SHA-256 of its size, its first and its last MiB.")),
        program=text("What timed it."),
        program_version=or_null(text("Its version; null where it does not say.")),
        advisor_version=or_null(text("This program's; null for a checkout.")),
        runtime=one_of(Runtime, "What the prediction was made for."),
        backend=one_of(BACKENDS, "The backend that was used."),
        devices=many(text("A device's name, or `host`."), "Those that held layers."),
        gpu_layers=whole("Layers on GPUs, the output layer counted."),
        n_cpu_moe=whole("First layers whose experts were on the CPU."),
        threads=or_null(whole("Of the processor; null: not known.", least=1)),
        flash_attention=one_of(("on", "off"), "Whether attention stored no scores."),
        kv_type_k=one_of(KV_TYPES, "Type of the K cache."),
        kv_type_v=one_of(KV_TYPES, "Type of the V cache."),
        tokens=whole("Timed in each repetition. [tokens]", least=1),
        depth_tokens=whole("In the cache before. [tokens]"),
        samples_tokens_per_s=many(
            number("[tokens/s]"), "One for each repetition, without the warm-up."
        ),
        measured_tokens_per_s=number("Their median. [tokens/s]"),
        predicted_tokens_per_s=or_null(number("Null where nothing is predicted. [tokens/s]")),
        predicted_low=or_null(number("Lower end of its 80 % interval. [tokens/s]")),
        predicted_high=or_null(number("Upper end of it. [tokens/s]")),
        interval_held=or_null(flag("Whether the measured speed lies in it.")),
        disturbance=or_null(text("Why no estimate uses it; null for a quiet measurement.")),
    ),
    "file": thing(
        "What has to be downloaded.",
        repository=or_null(text("On the Hugging Face Hub; null when none is known.")),
        name=or_null(text("The file's path there; of several parts the first one's.")),
        is_certain=flag("True when exactly this file was seen in the repository."),
        bytes=part("figure", "Size of all parts together. [bytes]"),
    ),
    "fit": thing(
        "Whether it fits, and the two numbers that were compared.",
        verdict=one_of(
            Verdict,
            "`fits`; `tight`: with under 5 % to spare, or only when other programs free their"
            " memory; `partial`: some layers on the CPU; `no`.",
        ),
        now=one_of(Verdict, "The verdict with what other programs hold now."),
        idle=one_of(Verdict, "The verdict with nothing else running."),
        max_context_tokens=or_null(
            whole(
                "The longest context with this verdict; null when none fits, or when it was not"
                " solved for, as in rankings. [tokens]"
            )
        ),
        max_context_by_kv_type=or_null(
            thing(
                "The same with keys and values of each type; null when it was not solved for.",
                **{
                    name: or_null(
                        whole(f"With {name}; null when none fits or llama.cpp refuses. [tokens]")
                    )
                    for name in SHOWN_KV_TYPES
                },
            )
        ),
        llama_cpp_fit=or_null(
            part("llama_cpp_fit", "What llama.cpp's own `--fit` would choose; null where none is.")
        ),
        reason=text("Why, in one sentence with the two numbers."),
        code=one_of(Why, "The same for programs."),
        device=text("The device that decides: the one with the least to spare."),
        needed_bytes=whole("What is needed on it. [bytes]"),
        high_bytes=or_null(whole("Upper end of what is needed on it. [bytes]")),
        available_bytes=or_null(whole("What it has; null when that is not known. [bytes]")),
    ),
    "llama_cpp_fit": thing(
        "What llama.cpp's own `--fit` would choose; null for programs that do not run it.",
        flags=text("In its flags."),
        context_tokens=whole("The context it chooses, or was given. [tokens]", least=1),
        gives_up=flag("True where it fits nothing and starts with what was asked for."),
        is_exact=flag("True when the interval of the need changes nothing."),
        flags_if_less=text("The flags if the model needs as little as its interval allows."),
        flags_if_more=text("The flags if it needs as much."),
    ),
    "allocation": thing(
        "What one device holds.",
        name=text("The GPU's name, or `host`."),
        kind=one_of(("gpu", "host"), "Whether it is a GPU or the system's own memory."),
        weights_bytes=whole("Tensors of the model. Exact. [bytes]"),
        kv_cache_bytes=whole("Keys, values and recurrent states. Exact. [bytes]"),
        compute_bytes=whole("Scratch of the graph. An estimate. [bytes]"),
        overhead_bytes=whole("The driver's context and the output buffer. An estimate. [bytes]"),
        repack_bytes=whole("Of it, second copies of weights that a CPU rearranged. [bytes]"),
        total_bytes=whole("The sum of the four. [bytes]"),
        low_bytes=whole("Lower end of the total's interval. [bytes]"),
        high_bytes=whole("Upper end of the total's interval. [bytes]"),
        available_bytes=or_null(whole("What the device has now; null when not known. [bytes]")),
        capacity_bytes=or_null(whole("What it has with nothing else running. [bytes]")),
    ),
    "memory": thing(
        "The memory it takes, summed over the devices.",
        total_bytes=whole("Everything on all devices. [bytes]"),
        low_bytes=whole("Lower end of the total's interval. [bytes]"),
        high_bytes=whole("Upper end of the total's interval. [bytes]"),
        weights_bytes=whole("Tensors of the model. Exact. [bytes]"),
        kv_cache_bytes=whole("Keys, values and recurrent states. Exact. [bytes]"),
        compute_bytes=whole("Scratch of the graph. An estimate. [bytes]"),
        overhead_bytes=whole("Drivers' contexts and the output buffer. An estimate. [bytes]"),
        devices=many(part("allocation"), "The GPUs in use, then the host."),
    ),
    "workload": thing(
        "The setup that was estimated, with every default filled in.",
        context_tokens=whole("Prompt and answer together. [tokens]", least=1),
        depth_tokens=whole("Tokens in the cache when decode is timed. [tokens]"),
        ubatch_tokens=whole("Tokens of one micro-batch. [tokens]", least=1),
        sequences=whole("Parallel sequences.", least=1),
        kv_unified=flag("Whether the sequences share one cache."),
        kv_type_k=one_of(KV_TYPES, "ggml type of the cached keys."),
        kv_type_v=one_of(KV_TYPES, "ggml type of the cached values."),
        flash_attention=one_of(("on", "off"), "Whether attention stores no scores."),
        runtime=one_of(Runtime, "The program that runs the model."),
        era=one_of(Era, "How old its build of llama.cpp is."),
        load_mode=one_of(LoadMode, "How the host's weights are read, in llama.cpp's words."),
    ),
    "gpu": thing(
        "A GPU that a model can be put on.",
        name=text("As its driver or the catalog spells it."),
        vendor=text("The maker, in lower case."),
        architecture=or_null(text("Compute capability, gfx target or family.")),
        backend=one_of(BACKENDS, "The backend of llama.cpp that runs on it."),
        kind=text("`desktop`, `laptop`, `datacenter` or `unified`; else as the probe says."),
        catalog_row=or_null(text("The row of the catalog it is; null for a device not there.")),
        shares_host_memory=flag("True when its memory is the system's own."),
        capacity_bytes=or_null(part("figure", "Memory with nothing else running. [bytes]")),
        available_bytes=or_null(part("figure", "Memory a model can have now. [bytes]")),
        bandwidth_bytes_per_s=or_null(part("figure", "Peak read rate. [bytes/s]")),
        fp16_flops_per_s=or_null(part("figure", "Peak rate of FP16 products. [FLOP/s]")),
    ),
    "target": thing(
        "What the models would run on.",
        name=text("The GPUs, else the processor."),
        is_imagined=flag("True when rows of the catalog stand in for a machine (`--device`)."),
        gpus=many(part("gpu"), "In the order of use, fastest first."),
        host=thing(
            "The processor and the system's memory.",
            name=text("The processor's name."),
            capacity_bytes=or_null(part("figure", "With nothing else running. [bytes]")),
            available_bytes=or_null(part("figure", "What a model can have now. [bytes]")),
            read_bytes_per_s=or_null(part("figure", "Rate of reading memory. [bytes/s]")),
            cores=or_null(whole("Cores that a model can use.", least=1)),
            instruction_sets=many(text("Such as `avx2`."), "Those that matter to ggml."),
        ),
        notes=many(text("One sentence."), "What was left out or assumed."),
    ),
    "evidence": thing(
        "What published tests say of a model's quality.",
        band=or_null(whole("From 0 (leading) to 7 (minimal); null without evidence.")),
        label=text("The band's name."),
        basis=text("The scores, or the relative and the rule, in one sentence."),
        is_direct=flag("True when tests of this very model say so."),
    ),
    "loss": thing(
        "What a quant costs in quality.",
        label=text("The name of the expected loss."),
        label_at_most=text("The name of the loss at the upper end of its interval."),
        kld_mean=or_null(
            number(
                "Expected mean KL divergence from the unquantized model; null when unknown. [nats]"
            )
        ),
        low=or_null(number("Lower end of its 80 % interval. [nats]")),
        high=or_null(number("Upper end of its 80 % interval. [nats]")),
        perplexity_increase=or_null(
            {
                "type": "number",
                "description": "Rise of perplexity, as a fraction: 0.01 is 1 %. Below 0 by chance.",
            }
        ),
        basis=text("Which models were measured, and how this one was inferred."),
        sources=many(text("A source."), "Where the measurements were published."),
    ),
    "command": thing(
        "How one program runs the file.",
        program=text("`llama.cpp`, `Ollama` or `LM Studio`."),
        lines=many(text("One line."), "The lines to enter, in this order."),
        note=or_null(text("What to know before; null for nothing.")),
    ),
    "commands": many(part("command"), "One entry a program; empty when no repository is known."),
    "benchmark": thing(
        "One published score.",
        name=text("The test's name."),
        score=number("In the test's own unit."),
        date=text("The day it was published or read, as ISO 8601 says."),
        source=text("Who published it."),
    ),
    "device": thing(
        "A device of the catalog that holds the model whole.",
        device=text("Its maker and name."),
        kind=one_of(
            DeviceKind,
            "`laptop` includes boards built in; `unified` shares the system's memory; `system` is"
            " a machine or board of several units.",
        ),
        memory_bytes=whole("What the label says. [bytes]"),
        bandwidth_bytes_per_s=number("Peak read rate of one unit. [bytes/s]"),
        fit=one_of(("fits", "tight"), "The verdict with nothing else running."),
        needed_bytes=whole("Memory on all its parts together. [bytes]"),
        decode_tokens_per_s=or_null(part("speed", "With an empty cache.")),
        source=text("Where its figures are from."),
    ),
}

SUBJECT = {
    "model": text("The model's name."),
    "quant": text("The file type's name."),
    "file_bytes": whole("The download's size, as in `file`. [bytes]"),
    "file": part("file"),
    "tensor_bytes": whole("All tensors. Exact. [bytes]"),
}
"""Which model in which quant, and the file of it."""

CANDIDATE = thing(
    "One quant of one model in a ranking.",
    **SUBJECT,
    memory_bytes=whole("Memory on all devices together. [bytes]"),
    memory_low_bytes=whole("Lower end of its interval. [bytes]"),
    memory_high_bytes=whole("Upper end of its interval. [bytes]"),
    context_tokens=whole("The context it was judged for. [tokens]", least=1),
    gpu_layers=whole("Layers on GPUs, the output layer counted."),
    layers=whole("All layers, the output layer counted.", least=1),
    n_cpu_moe=whole("First layers whose experts are on the host."),
    fit=part("fit"),
    decode_tokens_per_s=or_null(part("speed", "With an empty cache; null when not known.")),
    evidence=part("evidence"),
    loss=part("loss"),
    demoted=or_null(text("Why it is listed last although it runs; null when it is not.")),
)

PARTS["candidate"] = CANDIDATE

PARTS["model"] = thing(
    "A model's specification.",
    name=text("What it is called here: its repository's name in lower case."),
    repository=text("Its maker's repository on the Hugging Face Hub."),
    family=text("Its family, such as `Llama 3.2`."),
    publisher=text("Who made it."),
    license=text("As the maker's repository names it."),
    release_date=text("As ISO 8601 says; a month where the day is not known."),
    modality=text("`text`, or what else it takes."),
    architecture=text("llama.cpp's name of it."),
    context_tokens=whole("The longest context its maker states. [tokens]", least=1),
    params_total=whole("Weights of the language model.", least=1),
    params_active=whole("Weights used for each token.", least=1),
    params_verified=flag("True when the sum of the tensors equals a published count."),
    gguf_repositories=many(text("A repository."), "Where GGUF files of it are known to be."),
    evidence=part("evidence"),
    benchmarks=many(part("benchmark"), "Its published scores."),
    notes=many(text("One sentence."), "What a reader should know."),
    sources=many(text("A source."), "Where its specification is from."),
    checked=text("The day it was checked, as ISO 8601 says."),
)

PARTS["place"] = thing(
    "Where something stands in a file.",
    file=text("From the checkout's root, with slashes."),
    line=whole("The first one is 1.", least=1),
    column=whole("The first one is 1.", least=1),
)
