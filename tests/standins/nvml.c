/* A STAND-IN for NVIDIA's libnvidia-ml.so.1, for tests on machines without a GPU. It is not NVIDIA's library and holds none of its
 * code: it answers the calls that ptsetup makes from a text file of "key=value" lines whose path stands in PTSETUP_STANDIN_NVML.
 *
 * Keys: init_rc, hang (name of a call that never returns), crash (name of a call that ends with SIGSEGV), noise (bytes to print while
 * starting), driver, nvml, cuda (12040), count, count_rc; for GPU N: N.handle_rc, N.name, N.uuid, N.bus, N.cc (8.9), N.arch, N.total,
 * N.used, N.reserved, N.mode, N.mig, N.mig_pending, N.migs (number of instances), N.virt, N.license, N.fabric, N.fabric_status,
 * N.fabric_mask, N.reasons, N.procs ("pid:bytes,pid:bytes"), N.recovery, N.ecc, N.remap_pending, N.remap_failed, N.links, N.p2p,
 * N.rc.CALL (return code of one call, without the prefix nvmlDevice), N.temp, N.persistence.
 * A key that is missing answers 3 (not supported), as real drivers do for what a card lacks.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, INVALID = 2, UNSUPPORTED = 3, NOT_FOUND = 6, SMALL = 7, MISMATCH = 25 };
enum { LINES = 512, LENGTH = 256, MIG_BASE = 1000 };

static char keys[LINES][LENGTH], values[LINES][LENGTH];
static int lines;

__attribute__((constructor)) static void read_answers(void) {
    const char *path = getenv("PTSETUP_STANDIN_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[2 * LENGTH];
    while (file && lines < LINES && fgets(line, sizeof line, file)) {
        char *mark = strchr(line, '=');
        if (!mark) continue;
        *mark = 0;
        mark[1 + strcspn(mark + 1, "\n")] = 0;
        snprintf(keys[lines], LENGTH, "%s", line);
        snprintf(values[lines++], LENGTH, "%s", mark + 1);
    }
    if (file) fclose(file);
}

static const char *text(const char *key) {
    for (int i = 0; i < lines; i++)
        if (!strcmp(keys[i], key)) return values[i];
    return NULL;
}

static long long number(const char *key, long long otherwise) {
    const char *value = text(key);
    return value ? strtoll(value, NULL, 0) : otherwise;
}

static const char *of(void *gpu, const char *key) {
    char name[LENGTH];
    snprintf(name, sizeof name, "%d.%s", (int)(long)gpu - 1, key);
    return text(name);
}

static void maybe(const char *call) {
    const char *hang = text("hang"), *crash = text("crash");
    if (hang && !strcmp(hang, call))
        for (;;) pause();
    if (crash && !strcmp(crash, call)) raise(SIGSEGV);
}

/* 0, or what N.rc.CALL says */
static int enter(void *gpu, const char *call) {
    char key[LENGTH];
    maybe(call);
    snprintf(key, sizeof key, "rc.%s", call);
    const char *code = gpu ? of(gpu, key) : NULL;
    return code ? atoi(code) : OK;
}

static int give_text(const char *value, char *into, unsigned size) {
    if (!value) return UNSUPPORTED;
    if (strlen(value) >= size) return SMALL;
    strcpy(into, value);
    return OK;
}

static int give_uint(void *gpu, const char *call, const char *key, unsigned *into) {
    int code = enter(gpu, call);
    const char *value = of(gpu, key);
    if (code || !value) return code ? code : UNSUPPORTED;
    *into = (unsigned)strtoul(value, NULL, 0);
    return OK;
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    for (long long left = number("noise", 0); left > 0; left -= 64)
        puts("noise noise noise noise noise noise noise noise noise noise no");
    fflush(stdout);
    maybe("Init");
    return (int)number("init_rc", 0);
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlInit(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { maybe("Shutdown"); return OK; }
const char *nvmlErrorString(int code) { (void)code; return "an error of the stand-in"; }

int nvmlSystemGetDriverVersion(char *into, unsigned size) { return give_text(text("driver"), into, size); }
int nvmlSystemGetNVMLVersion(char *into, unsigned size) { return give_text(text("nvml"), into, size); }
int nvmlSystemGetCudaDriverVersion_v2(int *into) {
    *into = (int)number("cuda", 0);
    return text("cuda") ? OK : UNSUPPORTED;
}
int nvmlDeviceGetCount_v2(unsigned *into) {
    maybe("Count");
    *into = (unsigned)number("count", 0);
    return (int)number("count_rc", 0);
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **into) {
    char key[LENGTH];
    snprintf(key, sizeof key, "Handle%u", index);
    maybe(key);
    *into = (void *)(long)(index + 1);
    const char *code = of(*into, "handle_rc");
    return index >= (unsigned)number("count", 0) ? INVALID : code ? atoi(code) : OK;
}

int nvmlDeviceGetName(void *gpu, char *into, unsigned size) {
    int code = enter(gpu, "GetName");
    if ((long)gpu > MIG_BASE) return give_text("Stand-in MIG 1g.10gb", into, size);
    return code ? code : give_text(of(gpu, "name"), into, size);
}
int nvmlDeviceGetUUID(void *gpu, char *into, unsigned size) {
    char uuid[64];
    if ((long)gpu > MIG_BASE) {
        snprintf(uuid, sizeof uuid, "MIG-00000000-0000-0000-0000-%012ld", (long)gpu);
        return give_text(uuid, into, size);
    }
    return give_text(of(gpu, "uuid"), into, size);
}
int nvmlDeviceGetMinorNumber(void *gpu, unsigned *into) { *into = (unsigned)(long)gpu - 1; return enter(gpu, "GetMinorNumber"); }

struct pci { char legacy[16]; unsigned domain, bus, device, id, subsystem; char full[32]; };
int nvmlDeviceGetPciInfo_v3(void *gpu, struct pci *into) {
    memset(into, 0, sizeof *into);
    return give_text(of(gpu, "bus"), into->full, sizeof into->full);
}
int nvmlDeviceGetCudaComputeCapability(void *gpu, int *major, int *minor) {
    const char *cc = of(gpu, "cc");
    return cc && sscanf(cc, "%d.%d", major, minor) == 2 ? OK : UNSUPPORTED;
}
int nvmlDeviceGetArchitecture(void *gpu, unsigned *into) { return give_uint(gpu, "GetArchitecture", "arch", into); }

struct memory { unsigned long long total, free, used; };
struct memory_v2 { unsigned version; unsigned long long total, reserved, free, used; };
int nvmlDeviceGetMemoryInfo(void *gpu, struct memory *into) {
    int code = enter(gpu, "GetMemoryInfo");
    const char *total = (long)gpu > MIG_BASE ? "10000000000" : of(gpu, "total"), *used = of(gpu, "used");
    if (code || !total) return code ? code : UNSUPPORTED;
    into->total = strtoull(total, NULL, 0);
    into->used = used ? strtoull(used, NULL, 0) : 0;
    into->free = into->total - into->used;
    return OK;
}
int nvmlDeviceGetMemoryInfo_v2(void *gpu, struct memory_v2 *into) {
    const char *reserved = of(gpu, "reserved");
    if (!reserved) return MISMATCH;
    into->reserved = strtoull(reserved, NULL, 0);
    return OK;
}

struct process { unsigned pid; unsigned long long used; unsigned instance, compute; };
int nvmlDeviceGetComputeRunningProcesses_v3(void *gpu, unsigned *count, struct process *into) {
    const char *list = of(gpu, "procs");
    unsigned found = 0;
    if (!list) return UNSUPPORTED;
    for (const char *at = list; *at; found++) {
        unsigned pid;
        unsigned long long used;
        int length = 0;
        if (sscanf(at, "%u:%llu%n", &pid, &used, &length) != 2) break;
        if (into && found < *count) into[found] = (struct process){pid, used, 0, 0};
        at += length;
        if (*at == ',') at++;
    }
    int fits = found == 0 || (into && found <= *count);
    *count = found;
    return fits ? OK : SMALL;
}

int nvmlDeviceGetComputeMode(void *gpu, unsigned *into) { return give_uint(gpu, "GetComputeMode", "mode", into); }
int nvmlDeviceGetPersistenceMode(void *gpu, unsigned *into) { return give_uint(gpu, "GetPersistenceMode", "persistence", into); }
int nvmlDeviceGetVirtualizationMode(void *gpu, unsigned *into) { return give_uint(gpu, "GetVirtualizationMode", "virt", into); }
int nvmlDeviceGetTemperature(void *gpu, unsigned sensor, unsigned *into) { (void)sensor; return give_uint(gpu, "GetTemperature", "temp", into); }
int nvmlDeviceGetMigMode(void *gpu, unsigned *current, unsigned *pending) {
    int code = give_uint(gpu, "GetMigMode", "mig", current);
    *pending = *current;
    give_uint(gpu, "GetMigMode", "mig_pending", pending);
    return code;
}
int nvmlDeviceGetMaxMigDeviceCount(void *gpu, unsigned *into) { (void)gpu; *into = 7; return OK; }
int nvmlDeviceGetMigDeviceHandleByIndex(void *gpu, unsigned index, void **into) {
    unsigned instances = 0;
    give_uint(gpu, "GetMigDeviceHandleByIndex", "migs", &instances);
    *into = (void *)((long)gpu * MIG_BASE + index + 1);
    return index < instances ? OK : NOT_FOUND;
}
int nvmlDeviceGetTotalEccErrors(void *gpu, unsigned kind, unsigned counter, unsigned long long *into) {
    unsigned errors = 0;
    (void)kind, (void)counter;
    int code = give_uint(gpu, "GetTotalEccErrors", "ecc", &errors);
    *into = errors;
    return code;
}
int nvmlDeviceGetRemappedRows(void *gpu, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed) {
    *corrected = *uncorrected = *failed = 0;
    give_uint(gpu, "GetRemappedRows", "remap_failed", failed);
    return give_uint(gpu, "GetRemappedRows", "remap_pending", pending);
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void *gpu, unsigned long long *into) {
    unsigned reasons = 0;
    int code = give_uint(gpu, "GetCurrentClocksThrottleReasons", "reasons", &reasons);
    *into = reasons;
    return code;
}

struct field { unsigned id, scope; long long time, latency; unsigned type, code; union { unsigned ui; unsigned long long ull; } value; };
int nvmlDeviceGetFieldValues(void *gpu, int count, struct field *fields) {
    for (int i = 0; i < count; i++) {
        unsigned value = 0;
        fields[i].code = fields[i].id == 230 ? (unsigned)give_uint(gpu, "GetFieldValues", "recovery", &value) : UNSUPPORTED;
        fields[i].type = 1;
        fields[i].value.ui = value;
    }
    return OK;
}

struct fabric { unsigned version; unsigned char uuid[16]; unsigned status, clique; unsigned char state; unsigned mask; };
int nvmlDeviceGetGpuFabricInfoV(void *gpu, struct fabric *into) {
    unsigned state = 0, status = 0, mask = 0;
    if (into->version != 0x02000024) return MISMATCH; /* only the second version of the structure, as drivers 535 to 570 */
    int code = give_uint(gpu, "GetGpuFabricInfoV", "fabric", &state);
    give_uint(gpu, "GetGpuFabricInfoV", "fabric_status", &status);
    give_uint(gpu, "GetGpuFabricInfoV", "fabric_mask", &mask);
    into->state = (unsigned char)state, into->status = status, into->mask = mask;
    return code;
}
int nvmlDeviceGetNvLinkState(void *gpu, unsigned link, unsigned *into) {
    const char *links = of(gpu, "links"); /* one digit per link: 1 up, 0 down */
    if (!links) return UNSUPPORTED;
    if (link >= strlen(links)) return INVALID;
    *into = links[link] == '1';
    return OK;
}
int nvmlDeviceGetP2PStatus(void *gpu, void *other, unsigned index, unsigned *into) {
    (void)other, (void)index;
    return give_uint(gpu, "GetP2PStatus", "p2p", into);
}

struct expiry { unsigned year; unsigned short month, day, hour, minute, second; unsigned char status; };
struct feature { unsigned code, state; char info[128], product[128]; unsigned enabled; struct expiry expiry; };
struct features { int supported; unsigned count; struct feature list[3]; };
int nvmlDeviceGetGridLicensableFeatures_v4(void *gpu, struct features *into) {
    unsigned state = 0;
    memset(into, 0, sizeof *into);
    int code = give_uint(gpu, "GetGridLicensableFeatures", "license", &state);
    into->supported = into->count = 1;
    into->list[0].state = state, into->list[0].enabled = 1;
    return code;
}
