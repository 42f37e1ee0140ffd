package import DeployPorts
package import SafeFile

extension LoadBalancerError {
    /// What `problem` means for the balancer.
    ///
    /// Holds only where nothing was changed before it.
    package init(_ problem: FileProblem, expected: [UInt8] = []) {
        switch problem {
        case .forbidden, .readOnly: self = .forbidden("\(problem.message); nothing was changed")
        case .missing(let path):
            self = .misconfigured("\(path) does not exist; the playbook must name the file as it is")
        case .changedMeanwhile(let path, let found):
            let diff = UnifiedDiff.text(before: expected, after: found ?? [], path: path)
            self = .drifted(file: path, diff: diff)
        case .locked(let path, let holder):
            let who = holder?.description ?? "another process"
            self = .unreachable("\(who) is changing this balancer and holds \(path); nothing was changed")
        case .notAFile, .tooLarge, .mountPoint: self = .misconfigured(problem.message)
        case .diskFull, .failed: self = .unreachable("\(problem.message); nothing was changed")
        }
    }
}

/// Runs `work` and tells its problem as the balancer's.
package func translated<Success>(
    expected: [UInt8] = [],
    _ work: () throws(FileProblem) -> Success
) throws(LoadBalancerError) -> Success {
    do throws(FileProblem) {
        return try work()
    } catch {
        throw LoadBalancerError(error, expected: expected)
    }
}
