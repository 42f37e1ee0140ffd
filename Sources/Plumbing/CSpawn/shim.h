// Linux calls that glibc declares only under _GNU_SOURCE, without which Swift's Glibc module is built.
#ifndef CSPAWN_SHIM_H
#define CSPAWN_SHIM_H

#include <signal.h>
#include <spawn.h>
#include <sys/types.h>

extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);
extern int pipe2(int ends[2], int flags);
extern int memfd_create(const char *name, unsigned int flags);
extern int signalfd(int descriptor, const sigset_t *mask, int flags);
extern long syscall(long number, ...);

enum {
    cspawn_setsid = 0x80,          // POSIX_SPAWN_SETSID
    cspawn_memfd_cloexec = 1,      // MFD_CLOEXEC
    cspawn_ofd_getlk = 36,         // F_OFD_GETLK
    cspawn_ofd_setlk = 37,         // F_OFD_SETLK
    cspawn_setpipe_size = 1031,    // F_SETPIPE_SZ
};

// 434 is pidfd_open on every architecture; glibc wraps it only since 2.36. Close-on-exec by definition.
static inline int cspawn_pidfd_open(pid_t process) { return (int)syscall(434, (long)process, 0L); }

#endif
