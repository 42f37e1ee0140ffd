package import DeployPorts
package import MigrationVerdicts
internal import PgQuery
package import PostgresClient

/// The catalogue of a PostgreSQL, read in one read-only statement.
package struct PostgresCatalogue: MigrationCatalogue {
    private let url: String
    private let deadline: Duration
    private let client: PostgresClient

    package init(
        url: String,
        deadline: Duration = .seconds(30),
        client: PostgresClient = PostgresClient()
    ) {
        self.url = url
        self.deadline = deadline
        self.client = client
    }

    package func schema() async throws(MigrationCatalogueError) -> Schema {
        let answer: PostgresAnswer
        do throws(PostgresError) {
            answer = try await client.send(
                PostgresRequest(
                    address: try PostgresAddress(url),
                    statement: CatalogueQuery.text,
                    writes: false,
                    deadline: deadline
                )
            )
        } catch {
            throw Self.translated(error)
        }
        guard let text = answer.row?.first?.value, let document = try? SyntaxNode(json: text) else {
            throw .unusable("the database's catalogue answered what cannot be read")
        }
        return Self.schema(document)
    }

    private static func translated(_ error: PostgresError) -> MigrationCatalogueError {
        switch error {
        case .badRequest(let text): .unusable(text)
        case .tooLarge(let text): .unusable("the database's catalogue: \(text)")
        case .refused(let problem): .unusable("the database's catalogue: \(problem.message)")
        case .unreachable(let reasons): .unavailable(reasons.joined(separator: "; "))
        case .cutOff(let reason, _): .unavailable("the database's connection ended: \(reason)")
        case .timedOut: .unavailable("the database did not answer in time")
        case .cancelled: .unavailable("stopped")
        }
    }

    // MARK: the answer

    private static func schema(_ document: SyntaxNode) -> Schema {
        var schema = Schema(isComplete: true)
        var constraints: [ObjectName: [String: TableConstraint]] = [:]
        for item in document["constraints"].items {
            guard let constraint = constraint(item) else { continue }
            constraints[name(item, "table"), default: [:]][item["name"].text ?? ""] = constraint
        }
        for item in document["tables"].items {
            var table = table(item)
            table.constraints = constraints[name(item)] ?? [:]
            schema.know(table, as: name(item))
        }
        for item in document["indexes"].items {
            schema.know(
                Schema.Index(table: name(item, "table"), isUnique: item["unique"].isTrue),
                as: name(item)
            )
        }
        for item in document["routines"].items {
            schema.know(
                Schema.Routine(
                    parameters: item["parameters"].items.compactMap(\.text).map(Names.type(spelled:)),
                    returnsTrigger: item["isTrigger"].isTrue,
                    body: item["definition"].text.flatMap(RoutineReader.trigger)
                ),
                as: name(item)
            )
        }
        for item in document["strictDomains"].items { schema.knowStrictDomain(name(item)) }
        return schema
    }

    private static func name(_ item: SyntaxNode, _ key: String = "name") -> ObjectName {
        ObjectName(item[key].text ?? "", schema: item["schema"].text)
    }

    private static func table(_ item: SyntaxNode) -> Schema.Table {
        var table = Schema.Table()
        table.hasAllColumns = true
        table.columns = item["columns"].items.map { column in
            Schema.Column(
                name: column["name"].text ?? "",
                type: column["type"].text.map(Names.type(spelled:)),
                isNotNull: column["notNull"].isTrue,
                hasValue: column["hasValue"].isTrue
            )
        }
        table.bytes = item["bytes"].number
        // The statistics' count is -1 before the first ANALYZE, and 0 may be old: only a table without a page
        // is surely empty.
        let counted = item["rows"].number ?? -1
        table.rows = item["empty"].isTrue ? 0 : counted > 0 ? counted : nil
        return table
    }

    private static func constraint(_ item: SyntaxNode) -> TableConstraint? {
        let columns = item["columns"].items.compactMap(\.text)
        let kind: TableConstraint.Kind
        switch item["kind"].text {
        case "c":
            let expression = item["expression"].text.flatMap(ExpressionReader.expression(text:))
            kind = .check(expression ?? Expression())
        case "f":
            kind = .foreignKey(to: ObjectName(item["other"].text ?? "", schema: item["otherSchema"].text))
        case "u": kind = .unique
        case "p": kind = .primaryKey
        case "x": kind = .exclusion
        default: return nil
        }
        var constraint = TableConstraint(kind, columns: columns)
        constraint.isValidated = item["validated"].isTrue
        return constraint
    }
}
