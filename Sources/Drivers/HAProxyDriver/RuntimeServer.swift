/// A server as the running HAProxy has it: a line of `show servers state` (management guide, 9.3).
struct RuntimeServer: Hashable, Sendable {
    let name: String
    /// What the runtime socket or the file set last.
    let weight: Int
    /// Bits: 0x01, 0x02, 0x04, 0x20, 0x40 maintenance, 0x08 and 0x10 drain.
    let adminState: Int
    /// 0 is stopped: a health check failed; 1 is starting: `slowstart` raises its part step by step.
    let operationalState: Int

    var isInMaintenance: Bool { adminState & 0x67 != 0 }
    var isDraining: Bool { adminState & 0x18 != 0 }
    var isDown: Bool { operationalState == 0 && !isInMaintenance }
    var isWarmingUp: Bool { operationalState == 1 }
    /// Whether its weight decides over its traffic.
    var obeysWeight: Bool { !isInMaintenance && !isDraining }

    /// Where the table's columns are, whatever their order.
    struct Columns {
        private let backend: Int?
        private let name: Int
        private let weight: Int
        private let admin: Int
        private let operational: Int

        /// `nil` when `header` lacks one that is needed.
        init?(_ header: Substring) {
            let names = header.dropFirst().split(separator: " ")
            guard let name = names.firstIndex(of: "srv_name"),
                let weight = names.firstIndex(of: "srv_uweight"),
                let admin = names.firstIndex(of: "srv_admin_state"),
                let operational = names.firstIndex(of: "srv_op_state")
            else { return nil }
            (self.name, self.weight, self.admin, self.operational) = (name, weight, admin, operational)
            backend = names.firstIndex(of: "be_name")
        }

        /// The server of one line, and its backend's name.
        func server(_ line: Substring) -> (backend: String, server: RuntimeServer)? {
            let fields = line.split(separator: " ")
            guard fields.count > max(name, weight, admin, operational, backend ?? 0),
                let weight = Int(fields[weight]), let admin = Int(fields[admin]),
                let operational = Int(fields[operational])
            else { return nil }
            let server = RuntimeServer(
                name: String(fields[name]),
                weight: weight,
                adminState: admin,
                operationalState: operational
            )
            return (backend.map { String(fields[$0]) } ?? "", server)
        }
    }
}
