/// What the rules need to know of an SQL expression.
package struct Expression: Hashable, Sendable {
    /// `NULL`, which as a default is none.
    package var isNull = false
    package var columns: Set<String> = []
    /// Without their schema.
    package var functions: Set<String> = []
    /// Columns for which NULL makes it false: `… IS NOT NULL`.
    package var refusesNullOf: Set<String> = []
    /// Whether evaluating it may raise an error, as a division or a cast does.
    package var mayFail = false
    package var hasQuery = false
    /// Whether it may be false, and not NULL, for a NULL: `coalesce(…)`, `IS DISTINCT FROM`.
    package var mayRefuseNull = false

    package init() {}

    /// Whether each row gets a value of its own, so that adding a column with it writes the table anew.
    ///
    /// A function that is not known is taken for one.
    package var isVolatile: Bool { hasQuery || !functions.isSubset(of: Self.steady) }

    /// Whether it only works on its inputs: nothing is looked up, nothing is changed, nothing fails.
    package var isPlain: Bool { !hasQuery && !mayFail && functions.isSubset(of: Self.steady) }

    /// Functions of PostgreSQL that are immutable or stable, do not fail, and that migrations use.
    private static let steady: Set = [
        "now", "transaction_timestamp", "statement_timestamp", "current_timestamp", "current_date",
        "localtimestamp", "current_time", "localtime", "current_user", "session_user", "current_setting",
        "lower", "upper", "initcap", "trim", "btrim", "ltrim", "rtrim", "concat", "concat_ws", "coalesce",
        "length", "char_length", "substring", "substr", "left", "right", "replace", "split_part", "md5",
        "strpos", "position", "greatest", "least", "nullif", "abs", "round", "ceil", "floor", "to_tsvector",
        "to_char", "date_trunc", "timezone", "jsonb_build_object", "json_build_object", "jsonb_build_array",
        "array_length", "cardinality", "extract", "date_part", "regexp_replace", "hashtext", "starts_with",
    ]
}
