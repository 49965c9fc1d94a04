#include "core.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static siginfo_t *queued(siginfo_t *info, int signo, const int32_t *value) {
    if (value == NULL) return NULL;
    *info = (siginfo_t){0};
    info->si_signo = signo;
    info->si_code = SI_QUEUE;
    info->si_pid = getpid();
    info->si_uid = getuid();
    info->si_value.sival_int = *value;
    return info;
}

int64_t process_signal(int pid, int signo, const int32_t *value) {
    siginfo_t info;
    // 0 and below would mean groups, or every process there is.
    if (pid < 1) return -EINVAL;
    if (value == NULL) return RESULT(kill(pid, signo));
    return RESULT(syscall(SYS_rt_sigqueueinfo, pid, signo, queued(&info, signo, value)));
}

int64_t process_signal_pidfd(int pidfd, int signo, const int32_t *value) {
    siginfo_t info;
    return RESULT(syscall(SYS_pidfd_send_signal, pidfd, signo, queued(&info, signo, value), 0));
}

int64_t process_yield(void) {
    return RESULT(syscall(SYS_sched_yield));
}

int64_t process_open(int pid) {
    return RESULT(syscall(SYS_pidfd_open, pid, 0));
}

// Children that another thread has made are that thread's to wait for; orphans are given to the main thread.
int64_t process_ended_child(void) {
    siginfo_t info = {0};
    int options = WEXITED | WNOHANG | WNOWAIT | __WNOTHREAD;
    int64_t result = RESULT(syscall(SYS_waitid, P_ALL, 0, &info, options, NULL));
    return result < 0 ? result : info.si_pid;
}

int64_t process_reap(int pid) {
    siginfo_t info = {0};
    if (pid < 1) return -EINVAL;
    int64_t result = RESULT(syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOHANG | __WNOTHREAD, NULL));
    return result < 0 ? result : info.si_pid;
}

int64_t process_control(int option, unsigned value) {
    return RESULT(syscall(SYS_prctl, option, (unsigned long)value, 0UL, 0UL, 0UL));
}

int64_t process_spread_no_new_privileges(void) {
    // A filter that allows everything: what counts is that all threads take it over, and no_new_privs of this one with it.
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = 1, .filter = &allow};
    unsigned flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    return RESULT(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

int64_t process_clear_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    return RESULT(syscall(SYS_capset, &header, none));
}
