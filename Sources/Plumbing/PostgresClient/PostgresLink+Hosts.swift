extension PostgresLink {
    /// A connection to the first host that takes us; each gets an equal part of the time that is left.
    ///
    /// `name` is what the server shows as `application_name`; `nil` for the URL's own.
    static func open(
        _ address: PostgresAddress,
        named name: String? = nil,
        until end: ContinuousClock.Instant,
        _ call: PostgresCall
    ) throws(PostgresError) -> PostgresLink {
        let attempts = address.attempts
        var reasons: [String] = []
        for (index, parameters) in attempts.enumerated() {
            let now = ContinuousClock.now
            let part = (end - now) / (attempts.count - index)
            do throws(NoConnection) {
                return try PostgresLink(parameters.named(name), until: now + part, call)
            } catch {
                if call.isStopped { throw .cancelled(.notSent) }
                let host = parameters.first { $0.name == "host" || $0.name == "hostaddr" }?.value
                let isNamed = host.map { error.reason.contains($0) } ?? true
                reasons.append((isNamed ? "" : "\(host ?? ""): ") + error.reason + advice(error.reason))
            }
        }
        throw .unreachable(reasons)
    }

    /// What to do, where libpq says too little.
    private static func advice(_ reason: String) -> String {
        guard reason.contains("certificate verify failed") else { return "" }
        return " (the server's certificate is not of the authority that `sslrootcert` in the URL names: give "
            + "the file of the one that signed it)"
    }
}

extension [PostgresAddress.Parameter] {
    fileprivate func named(_ name: String?) -> Self {
        guard let name else { return self }
        return filter { $0.name != "application_name" }
            + [PostgresAddress.Parameter(name: "application_name", value: name)]
    }
}
