import ArgumentParser
import ChildProcesses
import DeployCommands
import Glibc

/// The supervisor of a step is this program under another verb, so that there is one binary to install.
@main
struct Main {
    static func main() async {
        let arguments = CommandLine.arguments
        if arguments.count == 3, arguments[1] == StepSupervisor.verb {
            StepSupervisor.main(folder: arguments[2])
        }
        // A reader of our output that goes away must not end a run half-way, and an inherited SIG_IGN would lose
        // the exit statuses of our children.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGCHLD, SIG_DFL)
        await Bgdeploy.main()
    }
}
