import DeployPorts
import HTTPClient

extension Parameter.Scalar {
    /// The JSON value of a scalar without quotes that is a number, a truth value or nothing; `nil` for text.
    ///
    /// Numbers are those of JSON: `1.10` is one, `0x1F`, `1_000` and `.5` are text.
    var plainValue: JSONValue? {
        guard !isQuoted else { return nil }
        switch text {
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case "null", "Null", "NULL", "~", "": return .null
        default: return JSONDocument.isNumber(text) ? .number(text) : nil
        }
    }
}
