/*
 * A stand-in for NVIDIA's libnvidia-ml.so.1, with which the real nvidia-ml-py is tested.
 *
 * Every nvmlInit reads the file named by the environment variable FAKE_NVML, in lines
 * `key=value`. A key begins with the GPU's number (`0.name=...`) or with that and a MIG
 * instance's (`0.mig.2.name=...`); keys without a number are about the driver. What a file does
 * not mention is answered with NOT_SUPPORTED, as a real driver answers for what a card lacks.
 * `<key>.ret=N` makes a query fail with error N; of two lines with one key the first counts.
 * nvmlShutdown adds a line to the file named by FAKE_NVML_CLOSED. Compiled with -DOLD_DRIVER it lacks the
 * functions that came with R510. Keys, with what they stand for:
 *
 *   driver, count, init.ret, count.ret, init.hang=1
 *   N.handle.ret, N.hang=1 (the memory query never returns)
 *   N.name, N.uuid, N.pci=0000:01:00.0, N.devid=0x268410de, N.subid=0x889c1043
 *   N.total, N.reserved, N.used, N.free (else what is left), N.memory.ret, N.memory.v2.ret
 *   N.clock (MHz), N.bus (bits), N.cc=8.9, N.ecc=0|1, N.virtualization=2, N.addressing=2
 *   N.power and N.power.default (mW), N.pcie.gen, N.pcie.gen.gpu, N.pcie.width, N.pcie.width.now,
 *   N.reasons (bits), N.temperature and N.temperature.slowdown, N.errors, N.rows=1 (bad memory is
 *   put out of use at the next reset; 2: that failed), N.pages=0|1, N.mode (of computing)
 *   N.compute.0=PID BYTES (BYTES of - for unknown), N.graphics.0=..., and
 *   process.PID.name
 *   N.mig=1, N.mig.max; N.mig.M.* as above, and memmib, gislices, sm, gi, ci
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned int u32;
typedef unsigned long long u64;

enum {
    SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
    ARGUMENT_VERSION_MISMATCH = 25
};
enum { LINES = 512, GPUS = 16, INSTANCES = 16 };

typedef struct { int gpu, instance; } *device;

static char keys[LINES][64], values[LINES][128];
static int lines;
static struct { int gpu, instance; } devices[GPUS][INSTANCES + 1];

static void read_case(void) {
    const char *path = getenv("FAKE_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[256];
    lines = 0;
    while (file && lines < LINES && fgets(line, sizeof line, file)) {
        char *equals = strchr(line, '=');
        if (*line == '#' || !equals) continue;
        *equals = 0;
        snprintf(keys[lines], sizeof keys[0], "%.63s", line);
        equals[1 + strcspn(equals + 1, "\r\n")] = 0;
        snprintf(values[lines], sizeof values[0], "%.127s", equals + 1);
        lines++;
    }
    if (file) fclose(file);
}

static const char *line_of(const char *key) {
    for (int at = 0; at < lines; at++) if (!strcmp(keys[at], key)) return values[at];
    return NULL;
}

static const char *said(device of, const char *what) {
    char key[96];
    if (!of) return line_of(what);
    if (of->instance < 0) snprintf(key, sizeof key, "%d.%s", of->gpu, what);
    else snprintf(key, sizeof key, "%d.mig.%d.%s", of->gpu, of->instance, what);
    return line_of(key);
}

static int failure(device of, const char *what) {
    char key[96];
    snprintf(key, sizeof key, "%s.ret", what);
    const char *value = said(of, key);
    return value ? atoi(value) : SUCCESS;
}

static int number(device of, const char *what, u64 *out) {
    const char *value = said(of, what);
    int error = failure(of, what);
    *out = value ? strtoull(value, NULL, 0) : 0;
    return error ? error : value ? SUCCESS : NOT_SUPPORTED;
}

static int small(device of, const char *what, u32 *out) {
    u64 value;
    int error = number(of, what, &value);
    *out = (u32)value;
    return error;
}

static int text(device of, const char *what, char *out, u32 size) {
    const char *value = said(of, what);
    int error = failure(of, what);
    if (error || !value) return error ? error : NOT_SUPPORTED;
    if (strlen(value) + 1 > size) return INSUFFICIENT_SIZE;
    strcpy(out, value);
    return SUCCESS;
}

static void hang_if(device of, const char *what) {
    if (said(of, what)) for (;;) pause();
}

int nvmlInitWithFlags(u32 flags) {
    (void)flags;
    read_case();
    hang_if(NULL, "init.hang");
    return failure(NULL, "init");
}
int nvmlShutdown(void) {
    const char *path = getenv("FAKE_NVML_CLOSED");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) fputs("closed\n", file), fclose(file);
    return SUCCESS;
}
const char *nvmlErrorString(int error) { (void)error; return "an error"; }
int nvmlSystemGetDriverVersion(char *out, u32 size) { return text(NULL, "driver", out, size); }
int nvmlSystemGetProcessName(u32 pid, char *out, u32 size) {
    char key[64];
    snprintf(key, sizeof key, "process.%u.name", pid);
    return text(NULL, key, out, size);
}
int nvmlDeviceGetCount_v2(u32 *out) { return small(NULL, "count", out); }

static device handle(int gpu, int instance) {
    device found = (device)&devices[gpu][instance + 1];
    found->gpu = gpu;
    found->instance = instance;
    return found;
}
int nvmlDeviceGetHandleByIndex_v2(u32 index, device *out) {
    u32 count;
    small(NULL, "count", &count);
    if (index >= count || index >= GPUS) return INVALID_ARGUMENT;
    *out = handle((int)index, -1);
    return failure(*out, "handle");
}

int nvmlDeviceGetName(device of, char *out, u32 size) { return text(of, "name", out, size); }
int nvmlDeviceGetUUID(device of, char *out, u32 size) { return text(of, "uuid", out, size); }

typedef struct { char legacy[16]; u32 domain, bus, device, id, subsystem; char bus_id[32]; } pci;
int nvmlDeviceGetPciInfo_v3(device of, pci *out) {
    const char *address = said(of, "pci");
    if (!address) return NOT_SUPPORTED;
    memset(out, 0, sizeof *out);
    snprintf(out->legacy, sizeof out->legacy, "%.15s", address);
    snprintf(out->bus_id, sizeof out->bus_id, "0000%.24s", address);
    small(of, "devid", &out->id);
    small(of, "subid", &out->subsystem);
    return SUCCESS;
}

static int memory(device of, u64 *total, u64 *reserved, u64 *available, u64 *used) {
    hang_if(of, "hang");
    int error = failure(of, "memory");
    if (error) return error;
    if (number(of, "total", total)) return NOT_SUPPORTED;
    number(of, "reserved", reserved);
    number(of, "used", used);
    if (number(of, "free", available)) *available = *total - *reserved - *used;
    return SUCCESS;
}
typedef struct { u64 total, available, used; } memory_v1;
int nvmlDeviceGetMemoryInfo(device of, memory_v1 *out) {
    u64 reserved = 0;
    int error = memory(of, &out->total, &reserved, &out->available, &out->used);
    out->used += reserved;
    return error;
}
#ifndef OLD_DRIVER
typedef struct { u32 version; u64 total, reserved, available, used; } memory_v2;
int nvmlDeviceGetMemoryInfo_v2(device of, memory_v2 *out) {
    int error = failure(of, "memory.v2");
    if (out->version != (sizeof *out | 2u << 24)) return ARGUMENT_VERSION_MISMATCH;
    return error ? error : memory(of, &out->total, &out->reserved, &out->available, &out->used);
}
#endif

int nvmlDeviceGetMaxClockInfo(device of, u32 kind, u32 *out) {
    return kind == 2 ? small(of, "clock", out) : NOT_SUPPORTED;
}
int nvmlDeviceGetMemoryBusWidth(device of, u32 *out) { return small(of, "bus", out); }
int nvmlDeviceGetCudaComputeCapability(device of, int *major, int *minor) {
    const char *value = said(of, "cc");
    return value && sscanf(value, "%d.%d", major, minor) == 2 ? SUCCESS : NOT_SUPPORTED;
}
int nvmlDeviceGetEccMode(device of, u32 *now, u32 *later) {
    int error = small(of, "ecc", now);
    *later = *now;
    return error;
}
int nvmlDeviceGetVirtualizationMode(device of, u32 *out) {
    return small(of, "virtualization", out);
}
typedef struct { u32 version, value; } addressing;
int nvmlDeviceGetAddressingMode(device of, addressing *out) {
    return small(of, "addressing", &out->value);
}
int nvmlDeviceGetEnforcedPowerLimit(device of, u32 *out) { return small(of, "power", out); }
int nvmlDeviceGetPowerManagementDefaultLimit(device of, u32 *out) {
    return small(of, "power.default", out);
}
int nvmlDeviceGetMaxPcieLinkGeneration(device of, u32 *out) { return small(of, "pcie.gen", out); }
int nvmlDeviceGetGpuMaxPcieLinkGeneration(device of, u32 *out) {
    return small(of, "pcie.gen.gpu", out);
}
int nvmlDeviceGetMaxPcieLinkWidth(device of, u32 *out) { return small(of, "pcie.width", out); }
int nvmlDeviceGetCurrPcieLinkWidth(device of, u32 *out) {
    return small(of, "pcie.width.now", out);
}

#ifndef OLD_DRIVER
int nvmlDeviceGetCurrentClocksEventReasons(device of, u64 *out) {
    return number(of, "reasons", out);
}
#endif
int nvmlDeviceGetCurrentClocksThrottleReasons(device of, u64 *out) {
    return number(of, "reasons", out);
}
int nvmlDeviceGetTemperature(device of, u32 sensor, u32 *out) {
    return sensor == 0 ? small(of, "temperature", out) : INVALID_ARGUMENT;
}
int nvmlDeviceGetTemperatureThreshold(device of, u32 kind, u32 *out) {
    return kind == 1 ? small(of, "temperature.slowdown", out) : NOT_SUPPORTED;
}
int nvmlDeviceGetTotalEccErrors(device of, u32 kind, u32 since, u64 *out) {
    return kind == 1 && since == 0 ? number(of, "errors", out) : NOT_SUPPORTED;
}
int nvmlDeviceGetRemappedRows(device of, u32 *one, u32 *two, u32 *pending, u32 *failed) {
    u32 state;
    int error = small(of, "rows", &state);
    *one = *two = 0;
    *pending = state == 1;
    *failed = state == 2;
    return error;
}
int nvmlDeviceGetRetiredPagesPendingStatus(device of, u32 *out) { return small(of, "pages", out); }
int nvmlDeviceGetComputeMode(device of, u32 *out) { return small(of, "mode", out); }

typedef struct { u32 pid; u64 memory; u32 gpu_instance, compute_instance; } process;
static int processes(device of, const char *list, u32 *count, process *out) {
    char key[64];
    const char *value;
    u32 room = *count, found = 0;
    int error = failure(of, list);
    if (error) return error;
    for (;; found++) {
        snprintf(key, sizeof key, "%s.%u", list, found);
        if (!(value = said(of, key))) break;
        if (found >= room) continue;
        char *rest;
        out[found].pid = (u32)strtoul(value, &rest, 10);
        out[found].memory = strchr(rest, '-') ? ~0ull : strtoull(rest, NULL, 10);
        out[found].gpu_instance = out[found].compute_instance = ~0u;
    }
    *count = found;
    return found > room ? INSUFFICIENT_SIZE : SUCCESS;
}
int nvmlDeviceGetComputeRunningProcesses_v2(device of, u32 *count, process *out) {
    return processes(of, "compute", count, out);
}
int nvmlDeviceGetGraphicsRunningProcesses_v2(device of, u32 *count, process *out) {
    return processes(of, "graphics", count, out);
}
#ifndef OLD_DRIVER
int nvmlDeviceGetComputeRunningProcesses_v3(device of, u32 *count, process *out) {
    return processes(of, "compute", count, out);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(device of, u32 *count, process *out) {
    return processes(of, "graphics", count, out);
}
#endif
#ifdef LONG_ENTRIES
int nvmlDeviceGetConfComputeMemSizeInfo(device of, void *out) {
    (void)of, (void)out;
    return NOT_SUPPORTED;
}
#endif

int nvmlDeviceGetMigMode(device of, u32 *now, u32 *later) {
    int error = small(of, "mig", now);
    *later = *now;
    return error;
}
int nvmlDeviceGetMaxMigDeviceCount(device of, u32 *out) {
    small(of, "mig.max", out);
    return SUCCESS;
}
int nvmlDeviceGetMigDeviceHandleByIndex(device of, u32 index, device *out) {
    if (index >= INSTANCES) return INVALID_ARGUMENT;
    device instance = handle(of->gpu, (int)index);
    int error = failure(instance, "handle");
    *out = instance;
    return error ? error : said(instance, "uuid") ? SUCCESS : NOT_FOUND;
}
int nvmlDeviceGetGpuInstanceId(device of, u32 *out) { return small(of, "gi", out); }
int nvmlDeviceGetComputeInstanceId(device of, u32 *out) { return small(of, "ci", out); }
typedef struct { u32 sm, shared[5], gpu_slices, compute_slices; u64 memory_mib; } attributes;
int nvmlDeviceGetAttributes_v2(device of, attributes *out) {
    if (of->instance < 0) return NOT_SUPPORTED;
    memset(out, 0, sizeof *out);
    small(of, "sm", &out->sm);
    small(of, "gislices", &out->gpu_slices);
    return number(of, "memmib", &out->memory_mib);
}
