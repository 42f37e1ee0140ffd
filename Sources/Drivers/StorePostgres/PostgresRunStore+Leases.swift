package import DeployCore
package import DeployPorts
import JournalFormat

extension PostgresRunStore {
    /// Renewing cannot wait long: meanwhile the lease runs out.
    private static let renewalLimit = Duration.seconds(3)

    /// A taker names the fencing number that he saw and the one that he gives, so that of several one wins,
    /// and so that after a lost answer the row tells whether it was us.
    package func acquireLease(
        on service: String,
        for holder: LeaseHolder,
        takeover: Takeover,
        floor: Int,
        at now: Timestamp
    ) async throws(RunStoreError) -> Lease {
        for _ in 1...100 {
            let row = try await leaseRow(of: service, at: now)
            let mayTake = try mayTakeBeforeItsTime(row, of: service, takeover)
            let (fence, isTooHigh) = max(row?.fence ?? 0, floor).addingReportingOverflow(1)
            guard !isTooHigh else {
                throw .unreadable("the lease on \(service) has the highest number there is")
            }
            let taking = Taking(
                service: service,
                holder: holder,
                fence: fence,
                seen: row?.fence ?? 0,
                isEarly: mayTake
            )
            if let lease = try await take(taking, at: now) { return lease }
        }
        throw .unavailable("the lease on \(service) changes hands too fast; nothing was written: try again")
    }

    /// Whether it may be taken though its time is not over; throws `.held` when it may not be taken at all.
    private func mayTakeBeforeItsTime(
        _ row: LeaseRow?,
        of service: String,
        _ takeover: Takeover
    ) throws(RunStoreError) -> Bool {
        guard takeover == .onlyIfFree else { return true }
        guard let row, let held = try row.lease(on: service), row.now < row.expires else { return false }
        guard isAlive(held.holder) == false else { throw .held(held) }
        return true
    }

    private struct Taking {
        let service: String
        let holder: LeaseHolder
        let fence: Int
        /// The number of the lease that it replaces; 0 for none.
        let seen: Int
        let isEarly: Bool
    }

    /// `nil` when somebody was faster.
    private func take(_ taking: Taking, at now: Timestamp) async throws(RunStoreError) -> Lease? {
        let text = try json(taking.holder)
        do throws(PostgresConnection.Failure) {
            return try await leases.resolved(
                """
                INSERT INTO bgdeploy.leases AS l (service, fence, holder, expires)
                VALUES ($1, $2::bigint, $3, \(Self.time("$4")) + \(Lease.length.milliseconds))
                ON CONFLICT (service) DO UPDATE
                SET fence = excluded.fence, holder = excluded.holder, expires = excluded.expires
                WHERE l.fence = $5::bigint
                    AND (l.holder IS NULL OR $6::boolean OR l.expires <= \(Self.time("$4")))
                RETURNING expires, \(PostgresSchema.durable) AS durable
                """,
                [
                    taking.service, "\(taking.fence)", text, callersTime(now), "\(taking.seen)",
                    "\(taking.isEarly)",
                ],
                done: { rows throws(RunStoreError) in
                    guard let expires = try rows.first?.number("expires") else { return nil }
                    return Lease(
                        service: taking.service,
                        holder: taking.holder,
                        fence: taking.fence,
                        expires: Timestamp(milliseconds: Int64(expires))
                    )
                },
                found: { () throws(RunStoreError) in
                    let row = try await self.leaseRow(of: taking.service, at: now)
                    guard row?.fence == taking.fence, row?.holder == text else { return nil }
                    return try row?.lease(on: taking.service)
                }
            )
        } catch {
            throw problem.translated(error)
        }
    }

    /// Twice is as once.
    package func renew(_ lease: Lease, at now: Timestamp) async throws(RunStoreError) {
        let rows = try await leases.repeated(
            """
            UPDATE bgdeploy.leases SET expires = \(Self.time("$3")) + \(Lease.length.milliseconds)
            WHERE service = $1 AND fence = $2::bigint AND holder IS NOT NULL RETURNING 1 AS renewed
            """,
            [lease.service, "\(lease.fence)", callersTime(now)],
            within: Self.renewalLimit,
            patience: Self.renewalLimit
        )
        guard !rows.isEmpty else { throw .leaseLost }
    }

    /// Twice is as once, and a lease that somebody else has taken over stays theirs.
    package func release(_ lease: Lease) async throws(RunStoreError) {
        _ = try await leases.repeated(
            """
            UPDATE bgdeploy.leases SET holder = NULL WHERE service = $1 AND fence = $2::bigint
            RETURNING \(PostgresSchema.durable) AS durable
            """,
            [lease.service, "\(lease.fence)"]
        )
    }

    package func lease(on service: String) async throws(RunStoreError) -> Lease? {
        try await Self.leaseRow(of: service, callersTime: "", over: reader)?.lease(on: service)
    }

    // MARK: rows

    /// A row of `leases`, and the time by the clock that leases last by.
    struct LeaseRow {
        let fence: Int
        /// As text: the same holder is written in the same way.
        let holder: String?
        let expires: Int
        let now: Int

        init(_ row: PostgresRow) throws(RunStoreError) {
            fence = try row.number("fence")
            holder = row.optionalText("holder")
            expires = try row.number("expires")
            now = try row.number("now")
        }

        func lease(on service: String) throws(RunStoreError) -> Lease? {
            guard let holder else { return nil }
            guard let known = try? JournalCoding.decode(LeaseHolder.self, from: Array(holder.utf8)) else {
                throw .unreadable("the lease on \(service) names its holder in an unknown way: \(holder)")
            }
            return Lease(
                service: service,
                holder: known,
                fence: fence,
                expires: Timestamp(milliseconds: Int64(expires))
            )
        }
    }

    private func leaseRow(of service: String, at now: Timestamp) async throws(RunStoreError) -> LeaseRow? {
        try await Self.leaseRow(of: service, callersTime: callersTime(now), over: leases)
    }

    private static func leaseRow(
        of service: String,
        callersTime: String,
        over connection: PostgresConnection
    ) async throws(RunStoreError) -> LeaseRow? {
        let rows = try await connection.repeated(
            """
            SELECT fence, holder, expires, \(time("$2")) AS now FROM bgdeploy.leases WHERE service = $1
            """,
            [service, callersTime]
        )
        return try rows.first.map(LeaseRow.init)
    }

    /// The caller's time where one is given in `parameter`, else the database's.
    static func time(_ parameter: String) -> String {
        "coalesce(nullif(\(parameter)::text, '')::bigint, \(PostgresSchema.clock))"
    }

    /// Empty when the database's clock counts.
    func callersTime(_ now: Timestamp) -> String {
        leaseClock == .caller ? "\(now.milliseconds)" : ""
    }
}
