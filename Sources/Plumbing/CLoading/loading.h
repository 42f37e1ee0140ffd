// A library that is loaded when it is first needed, and not at every start of the program.
//
// Included once by the file that calls it, which has defined EACH_FUNCTION(use), every function that is called, and
// SYMBOL(name), a function's name in the library. The types of the functions are taken from the library's header.

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

#define FIELD(name) __typeof__(&SYMBOL(name)) name;
static struct { EACH_FUNCTION(FIELD) } library;

// Written once, under `once`, which whoever reads them has passed.
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int state;
// dlerror's text lasts until the next call on its thread.
static char problem[512];

static int fail(int now, const char *text) {
    state = now;
    snprintf(problem, sizeof problem, "%s", text ? text : "no reason was given");
    return now;
}

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

// Zero, or the state in which it ended: `absent`, or `unusable` when a function is missing. It is never unloaded: a
// thread of the library may outlive what it was begun for.
static int load_library(const char *soname, int absent, int unusable) {
    void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return fail(absent, dlerror());

#define FIND(name) \
    library.name = (__typeof__(library.name))dlsym(handle, TEXT(SYMBOL(name))); \
    if (!library.name) return fail(unusable, dlerror());
    EACH_FUNCTION(FIND)
    return 0;
}
