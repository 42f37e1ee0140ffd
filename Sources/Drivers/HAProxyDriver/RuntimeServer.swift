/// A server as the running HAProxy has it: a line of `show servers state` (management guide, 9.3).
struct RuntimeServer: Hashable, Sendable {
    let name: String
    /// What the runtime socket or the file set last.
    let weight: Int
    /// Bits: 0x01, 0x02, 0x04, 0x20, 0x40 maintenance, 0x08 and 0x10 drain.
    let adminState: Int
    /// 0 is stopped: a health check failed.
    let operationalState: Int

    var isInMaintenance: Bool { adminState & 0x67 != 0 }
    var isDraining: Bool { adminState & 0x18 != 0 }
    var isDown: Bool { operationalState == 0 && !isInMaintenance }
    /// Whether its weight decides over its traffic.
    var obeysWeight: Bool { !isInMaintenance && !isDraining }

    /// Reads the whole answer; `nil` when it is not such a table.
    static func parse(_ answer: String) -> [RuntimeServer]? {
        let lines = answer.split(separator: "\n").filter { !$0.allSatisfy(\.isWhitespace) }
        guard let header = lines.first(where: { $0.hasPrefix("#") }) else { return nil }
        let names = header.dropFirst().split(separator: " ")
        func column(_ name: String) -> Int? { names.firstIndex(of: Substring(name)) }
        guard let name = column("srv_name"), let weight = column("srv_uweight"),
            let admin = column("srv_admin_state"), let operational = column("srv_op_state")
        else { return nil }
        let most = max(name, weight, admin, operational)
        return lines.compactMap { line in
            let fields = line.split(separator: " ")
            guard !line.hasPrefix("#"), fields.count > most, let weight = Int(fields[weight]),
                let admin = Int(fields[admin]), let operational = Int(fields[operational])
            else { return nil }
            return RuntimeServer(
                name: String(fields[name]),
                weight: weight,
                adminState: admin,
                operationalState: operational
            )
        }
    }
}
