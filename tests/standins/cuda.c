/* A STAND-IN for NVIDIA's libcuda.so.1, for tests on machines without a GPU. It is not NVIDIA's library and holds none of its code.
 * Answers come from variables: PTSETUP_STANDIN_CUINIT (return code, or the word hang or crash), PTSETUP_STANDIN_CUDA (12040),
 * PTSETUP_STANDIN_DEVICES (number). The real torch stops at the same codes with its own messages; cuInit = 0 leads it no further
 * than code 999.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *said(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

int cuInit(unsigned flags) {
    const char *value = said("PTSETUP_STANDIN_CUINIT", "0");
    (void)flags;
    if (!strcmp(value, "hang"))
        for (;;) pause();
    if (!strcmp(value, "crash")) raise(SIGSEGV);
    return atoi(value);
}
int cuDriverGetVersion(int *into) {
    *into = atoi(said("PTSETUP_STANDIN_CUDA", "13000"));
    return 0;
}
int cuDeviceGetCount(int *into) {
    *into = atoi(said("PTSETUP_STANDIN_DEVICES", "1"));
    return 0;
}
int cuGetErrorString(int code, const char **into) { (void)code; *into = "an error of the stand-in"; return 0; }
int cuGetErrorName(int code, const char **into) { (void)code; *into = "CUDA_ERROR_OF_STANDIN"; return 0; }
int cuGetExportTable(const void **table, const void *id) { (void)id; *table = 0; return 500; }

/* The runtime library asks for everything by name, first of all for the function that it asks with, and gives up ("no driver") when
 * a name is unknown. What is not meant to be called answers 999. */
static int unknown(void) { return 999; }

struct name { const char *text; void *function; };
int cuGetProcAddress(const char *wanted, void **into, int version, unsigned long long flags);
int cuGetProcAddress_v2(const char *wanted, void **into, int version, unsigned long long flags, int *status);
static const struct name names[] = {
    {"cuInit", cuInit}, {"cuDriverGetVersion", cuDriverGetVersion}, {"cuDeviceGetCount", cuDeviceGetCount},
    {"cuGetErrorString", cuGetErrorString}, {"cuGetErrorName", cuGetErrorName}, {"cuGetExportTable", cuGetExportTable},
};

static void *find(const char *wanted, int version) {
    if (!strcmp(wanted, "cuGetProcAddress")) return version >= 12000 ? (void *)cuGetProcAddress_v2 : (void *)cuGetProcAddress;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i].text, wanted)) return names[i].function;
    return unknown;
}
int cuGetProcAddress(const char *wanted, void **into, int version, unsigned long long flags) {
    (void)flags;
    *into = find(wanted, version);
    return 0;
}
int cuGetProcAddress_v2(const char *wanted, void **into, int version, unsigned long long flags, int *status) {
    if (status) *status = 0;
    return cuGetProcAddress(wanted, into, version, flags);
}
