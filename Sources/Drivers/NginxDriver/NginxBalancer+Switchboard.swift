import BalancerFiles
import DeployPorts
import SafeFile

/// A switchboard under a playbook that does not know of it: the weights are written, and divide nothing.
extension NginxBalancer {
    /// Fails when the configuration passes requests through a switchboard; changes nothing.
    static func checkNoSwitchboard(_ keeper: MarkKeeper) throws(LoadBalancerError) {
        if let remark = try switchboardRemark(keeper) {
            throw .misconfigured("\(remark); nothing was changed")
        }
    }

    /// What is found of a switchboard, where, and what to do; `nil` without one.
    static func switchboardRemark(_ keeper: MarkKeeper) throws(LoadBalancerError) -> String? {
        let record = try translated { () throws(FileProblem) in
            try keeper.file.value(BoardRecord.self, at: BoardRecord.path(keeper))
        }
        guard let record, record.isWired else { return nil }
        let files = record.users.joined(separator: " and ")
        return
            "the switchboard divides the traffic here (\(files) includes \(record.server.path)), so the weights in \(keeper.file.path) count for nothing: say `mode: switchboard` in the playbook, or take it out as \(record.server.path) tells and reload nginx"
    }
}
