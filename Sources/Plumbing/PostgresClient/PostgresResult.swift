internal import CLibpq

/// A result of libpq, freed when nobody holds it any more.
final class PostgresResult {
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { bg_pq_clear(handle) }

    enum Kind {
        case row
        /// The end of the rows, or of a statement without any.
        case done
        case problem(SQLProblem)
        case copy
        case empty
    }

    var kind: Kind {
        switch bg_pq_resultStatus(handle) {
        case PGRES_SINGLE_TUPLE: .row
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK: .done
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: .copy
        case PGRES_EMPTY_QUERY: .empty
        default: .problem(problem)
        }
    }

    var row: [PostgresAnswer.Cell] {
        guard bg_pq_ntuples(handle) > 0 else { return [] }
        return (0..<bg_pq_nfields(handle)).map { column in
            let isNull = bg_pq_getisnull(handle, 0, column) == 1
            return PostgresAnswer.Cell(
                column: bg_pq_fname(handle, column).map { String(cString: $0) } ?? "",
                value: isNull ? nil : bg_pq_getvalue(handle, 0, column).map { String(cString: $0) }
            )
        }
    }

    /// Rows that a statement changed; `nil` when it does not count them.
    var changed: Int? { bg_pq_cmdTuples(handle).flatMap { Int(String(cString: $0)) } }

    private var problem: SQLProblem {
        func field(_ code: Character) -> String {
            let value = bg_pq_resultErrorField(handle, Int32(code.asciiValue ?? 0))
            return value.map { String(cString: $0) } ?? ""
        }
        // The codes of <postgres_ext.h>: PG_DIAG_SQLSTATE, MESSAGE_PRIMARY, MESSAGE_DETAIL, MESSAGE_HINT.
        return SQLProblem(state: field("C"), message: field("M"), detail: field("D"), hint: field("H"))
    }
}
