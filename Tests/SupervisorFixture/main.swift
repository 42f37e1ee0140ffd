import ChildProcesses
import Glibc

// `supervise-step FOLDER`: the supervisor. `start-and-die FOLDER SCRIPT`: starts one and is killed with
// its process group.
let arguments = CommandLine.arguments
guard arguments.count >= 3 else { exit(64) }
if arguments[1] == StepSupervisor.verb { StepSupervisor.main(folder: arguments[2]) }
let order = StepOrder(
    arguments: ["/bin/sh", "-c", arguments[3]],
    environment: ["PATH": "/usr/bin:/bin"],
    folder: "/",
    deadlineMilliseconds: 30_000
)
try await SupervisedProcess(folder: arguments[2]).start(order, executable: "/proc/self/exe")
// The whole group, as when a terminal or a service is closed.
kill(0, SIGKILL)
