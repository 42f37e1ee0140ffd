import ArgumentParser
import ChildProcesses
import DeployCommands

/// The supervisor of a step is this program under another verb, so that there is one binary to install.
@main
struct Main {
    static func main() async {
        let arguments = CommandLine.arguments
        if arguments.count == 3, arguments[1] == StepSupervisor.verb {
            StepSupervisor.main(folder: arguments[2])
        }
        await Bgdeploy.main()
    }
}
