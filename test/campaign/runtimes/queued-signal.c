// Sends itself a real-time signal with a value, through a pidfd, as the native core does. Ends with 0 or with errno: what an emulator refuses to this program
// it refuses to the library.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    int signo = SIGRTMIN + 3;
    siginfo_t info = {0};
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (pidfd < 0) return errno;
    signal(signo, SIG_IGN);
    info.si_signo = signo;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = 42;
    return syscall(SYS_pidfd_send_signal, pidfd, signo, &info, 0) == 0 ? 0 : errno;
}
