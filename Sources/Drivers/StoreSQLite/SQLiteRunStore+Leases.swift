package import DeployCore
package import DeployPorts
import GRDB
import JournalFormat

extension SQLiteRunStore {
    package func acquireLease(
        on service: String,
        for holder: LeaseHolder,
        takeover: Takeover,
        floor: Int,
        at now: Timestamp
    ) async throws(RunStoreError) -> Lease {
        let isAlive = isAlive
        return try await write { database in
            let row = try Self.leaseRow(of: service, in: database)
            if let row, takeover == .onlyIfFree, let held = try Self.lease(of: service, in: row),
                now < held.expires, isAlive(held.holder) != false
            {
                throw RunStoreError.held(held)
            }
            let last = try row?.number("fence") ?? 0
            let (fence, isTooHigh) = max(last, floor).addingReportingOverflow(1)
            guard !isTooHigh else {
                throw RunStoreError.unreadable("the lease on \(service) has the highest number there is")
            }
            let lease = Lease(
                service: service,
                holder: holder,
                fence: fence,
                expires: now.advanced(by: Lease.length)
            )
            try database.execute(
                sql: """
                    INSERT INTO leases (service, fence, holder, expires) VALUES (?, ?, ?, ?)
                    ON CONFLICT (service) DO UPDATE
                    SET fence = excluded.fence, holder = excluded.holder, expires = excluded.expires
                    """,
                arguments: [
                    service, fence, try JournalCoding.text(holder), lease.expires.milliseconds,
                ]
            )
            return lease
        }
    }

    package func renew(_ lease: Lease, at now: Timestamp) async throws(RunStoreError) {
        try await write { database in
            try Self.check(lease, in: database)
            try database.cachedStatement(sql: "UPDATE leases SET expires = ? WHERE service = ?")
                .execute(arguments: [now.advanced(by: Lease.length).milliseconds, lease.service])
        }
    }

    /// Twice is as once, and a lease that somebody else has taken over stays theirs.
    package func release(_ lease: Lease) async throws(RunStoreError) {
        try await write { database in
            try database.execute(
                sql: "UPDATE leases SET holder = NULL WHERE service = ? AND fence = ?",
                arguments: [lease.service, lease.fence]
            )
        }
    }

    package func lease(on service: String) async throws(RunStoreError) -> Lease? {
        try await read { database in
            guard let row = try Self.leaseRow(of: service, in: database) else { return nil }
            return try Self.lease(of: service, in: row)
        }
    }

    /// Throws `.leaseLost` unless `lease` is the service's newest and not given back.
    static func check(_ lease: Lease, in database: Database) throws {
        guard let row = try leaseRow(of: lease.service, in: database),
            try row.number("fence") == lease.fence, row.optionalText("holder") != nil
        else { throw RunStoreError.leaseLost }
    }

    private static func leaseRow(of service: String, in database: Database) throws -> Row? {
        let statement = try database.cachedStatement(
            sql: "SELECT fence, holder, expires FROM leases WHERE service = ?"
        )
        return try Row.fetchOne(statement, arguments: [service])
    }

    static func lease(of service: String, in row: Row) throws -> Lease? {
        guard let text = row.optionalText("holder") else { return nil }
        guard let holder = try? JournalCoding.decode(LeaseHolder.self, from: Array(text.utf8)) else {
            throw RunStoreError.unreadable(
                "the lease on \(service) names its holder in an unknown way: \(text)"
            )
        }
        return Lease(
            service: service,
            holder: holder,
            fence: try row.number("fence"),
            expires: Timestamp(milliseconds: Int64(try row.number("expires")))
        )
    }
}
