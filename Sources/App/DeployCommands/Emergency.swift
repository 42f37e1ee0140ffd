import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Foundation

/// The way back that depends on nothing but the playbook and the marks beside the balancers.
struct Emergency {
    let workplace: Workplace
    let service: Service

    func restore(_ reason: String?) async -> ExitStatus {
        let reason = reason ?? "emergency rollback"
        let results = await service.fleet.restore(by: workplace.actor, reason: reason)
        var failures = 0
        for (name, result) in results {
            switch result {
            case .success(let seen):
                workplace.printer.line("\(name): \(seen.split?.description ?? "split unknown")")
            case .failure(let error):
                failures += 1
                Printer.errors.line("bgdeploy: \(name): \(Style.harmless(error.message))")
            }
        }
        guard failures == 0 else {
            Printer.errors.line(
                "bgdeploy: \(failures) of \(results.count) balancers could not be put back: a person is needed now"
            )
            return .rollbackFailed
        }
        return .done
    }
}
