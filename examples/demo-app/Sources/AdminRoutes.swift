import HTTPTypes
import Hummingbird

/// Switches faults and the drain, at run time and without a password: this is an example for a lab.
struct AdminRoutes {
    private struct Drain: ResponseEncodable {
        let status: String
        let active: Int
    }

    let state: DemoState

    func add(to group: RouterGroup<DemoContext>) {
        group.get("faults") { [faults = state.faults] _, _ in faults.current }
        group.post("faults") { [faults = state.faults] request, context in
            let wanted = try await request.decode(as: Faults.self, context: context)
            faults.set(wanted)
            return wanted
        }
        group.post("drain") { _, _ in drain(true) }
        group.delete("drain") { _, _ in drain(false) }
    }

    private func drain(_ on: Bool) -> Drain {
        state.sockets.drain(on)
        return Drain(status: on ? "draining" : "accepting", active: state.sockets.count.active)
    }
}

extension Faults: ResponseEncodable {}
