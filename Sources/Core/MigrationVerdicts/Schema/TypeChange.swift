/// What a change of a column's type does, as PostgreSQL 15 does it.
struct TypeChange {
    let compatibility: Compatibility
    let rule: Rule
    let rewrites: Bool
    /// Why, as the end of a sentence.
    let why: String

    /// `old` is `nil` when it is not known.
    static func from(_ old: ColumnType?, to new: ColumnType) -> TypeChange {
        guard let old else {
            return TypeChange(
                .depends,
                .changeType,
                rewrites: true,
                "what it does depends on the type now, which is not known here (--schema or "
                    + "--database tell it)"
            )
        }
        if old == new { return TypeChange(.compatible, .changeType, rewrites: false, "it has that type") }
        guard old.isArray == new.isArray else { return incompatible(old, new) }
        let known = [strings, numbers, times, documents].first { $0.contains(old.name) }
        guard let known, known.contains(new.name) else { return foreign(old, new) }
        switch known {
        case strings: return text(old, new)
        case numbers: return number(old, new)
        case times: return time(old, new)
        default: return document(old, new)
        }
    }

    private init(_ compatibility: Compatibility, _ rule: Rule, rewrites: Bool, _ why: String) {
        self.compatibility = compatibility
        self.rule = rule
        self.rewrites = rewrites
        self.why = why
    }

    private static let strings: Set = ["text", "varchar", "bpchar"]
    private static let numbers: Set = ["int2", "int4", "int8", "numeric", "float4", "float8"]
    private static let times: Set = ["date", "timestamp", "timestamptz", "time", "timetz"]
    private static let documents: Set = ["json", "jsonb"]
    private static let builtIn = strings.union(numbers).union(times).union(documents).union([
        "bool", "uuid", "bytea", "inet", "cidr", "interval", "xml", "oid", "money", "bit", "varbit",
        "tsvector",
    ])

    // MARK: families

    private static func text(_ old: ColumnType, _ new: ColumnType) -> TypeChange {
        let isBlankPadded = old.name == "bpchar" || new.name == "bpchar"
        let isShorter =
            switch (old.modifiers.first, new.modifiers.first) {
            case (_, nil): new.name == "bpchar"
            case (nil, _?): true
            case (let before?, let after?): after < before
            }
        if isShorter { return narrower(old, new, "longer values are refused") }
        if new.name == "bpchar", old.name != "bpchar" {
            return other(old, new, "values read back padded with blanks")
        }
        return wider(old, new, rewrites: isBlankPadded)
    }

    private static func number(_ old: ColumnType, _ new: ColumnType) -> TypeChange {
        let ranks = ["int2": 2, "int4": 4, "int8": 8]
        if let before = ranks[old.name], let after = ranks[new.name] {
            return after > before
                ? wider(old, new, rewrites: true) : narrower(old, new, "larger numbers are refused")
        }
        if old.name == "numeric", new.name == "numeric" { return decimal(old, new) }
        if old.name == "float4", new.name == "float8" { return wider(old, new, rewrites: true) }
        if new.name == "numeric" || ranks[old.name] != nil {
            return other(old, new, "calculations give other results, and drivers give another type")
        }
        return narrower(old, new, "digits are lost, and numbers beyond its range are refused")
    }

    private static func decimal(_ old: ColumnType, _ new: ColumnType) -> TypeChange {
        guard let precision = new.modifiers.first else { return wider(old, new, rewrites: false) }
        let scale = new.modifiers.dropFirst().first ?? 0
        guard let before = old.modifiers.first else {
            return narrower(old, new, "digits are lost, and larger numbers are refused")
        }
        let scaleBefore = old.modifiers.dropFirst().first ?? 0
        guard scale >= scaleBefore, precision - scale >= before - scaleBefore else {
            return narrower(old, new, "digits are lost, and larger numbers are refused")
        }
        return wider(old, new, rewrites: scale != scaleBefore)
    }

    private static func time(_ old: ColumnType, _ new: ColumnType) -> TypeChange {
        guard old.name == new.name else {
            return other(old, new, "the same moment reads otherwise, by the session's time zone among others")
        }
        let (before, after) = (old.modifiers.first ?? 6, new.modifiers.first ?? 6)
        return after < before
            ? narrower(old, new, "fractions of a second are lost") : wider(old, new, rewrites: false)
    }

    private static func document(_ old: ColumnType, _ new: ColumnType) -> TypeChange {
        guard new.name == "jsonb" else { return incompatible(old, new) }
        return wider(old, new, rewrites: true)
    }

    /// Between families.
    private static func foreign(_ old: ColumnType, _ new: ColumnType) -> TypeChange {
        guard builtIn.contains(old.name), builtIn.contains(new.name) else {
            return other(old, new, "whether its statements still work depends on both types")
        }
        return incompatible(old, new)
    }

    // MARK: results

    private static func wider(_ old: ColumnType, _ new: ColumnType, rewrites: Bool) -> TypeChange {
        let why =
            "\(old) to \(new) takes every value that the stable version writes; "
            + "its open sessions with a prepared statement that reads the column fail once"
        return TypeChange(.prepared, .changeType, rewrites: rewrites, why)
    }

    private static func narrower(_ old: ColumnType, _ new: ColumnType, _ what: String) -> TypeChange {
        TypeChange(.depends, .narrowType, rewrites: true, "\(old) to \(new) narrows it: \(what)")
    }

    private static func other(_ old: ColumnType, _ new: ColumnType, _ what: String) -> TypeChange {
        TypeChange(.depends, .changeTypeMeaning, rewrites: true, "\(old) to \(new): \(what)")
    }

    private static func incompatible(_ old: ColumnType, _ new: ColumnType) -> TypeChange {
        let why =
            "\(old) to \(new): the stable version's comparisons, calculations and parameters are of the "
            + "old type and fail"
        return TypeChange(.breaks, .incompatibleType, rewrites: true, why)
    }
}
