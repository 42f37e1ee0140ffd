import Checks
import DeployPorts

extension CheckKinds {
    /// A kind with cookies of its own.
    static func named(_ key: String) -> StepKind {
        let kinds = all()
        return kinds.first { $0.key == key } ?? kinds[0]
    }
}
