import DeployCore
import DeployPorts
import RedisClient

extension RedisStep {
    /// Commands that only look, and do not keep a server busy for long.
    static let lookingCommands: Set = [
        "BITCOUNT", "BITPOS", "CLUSTER INFO", "CLUSTER NODES", "DBSIZE", "ECHO", "EXISTS", "EXPIRETIME",
        "GET",
        "GETBIT", "GETRANGE", "HEXISTS", "HGET", "HGETALL", "HKEYS", "HLEN", "HMGET", "HSCAN", "HSTRLEN",
        "HVALS",
        "INFO", "LASTSAVE", "LATENCY LATEST", "LINDEX", "LLEN", "LPOS", "LRANGE", "MEMORY STATS",
        "MEMORY USAGE",
        "MGET", "OBJECT ENCODING", "OBJECT FREQ", "OBJECT IDLETIME", "PEXPIRETIME", "PING", "PTTL", "ROLE",
        "SCAN",
        "SCARD", "SISMEMBER", "SLOWLOG LEN", "SMEMBERS", "SMISMEMBER", "SRANDMEMBER", "SSCAN", "STRLEN",
        "TIME",
        "TTL", "TYPE", "XINFO CONSUMERS", "XINFO GROUPS", "XINFO STREAM", "XLEN", "XPENDING", "XRANGE",
        "XREVRANGE", "ZCARD", "ZCOUNT", "ZMSCORE", "ZRANGE", "ZRANK", "ZREVRANK", "ZSCAN", "ZSCORE",
    ]

    /// Commands that are no question with one answer, or that belong to a conversation.
    private static let unsuitableCommands: Set = [
        "AUTH", "BLMOVE", "BLMPOP", "BLPOP", "BRPOP", "BRPOPLPUSH", "BZMPOP", "BZPOPMAX", "BZPOPMIN",
        "DISCARD",
        "EXEC", "HELLO", "MONITOR", "MULTI", "PSUBSCRIBE", "PSYNC", "QUIT", "RESET", "SELECT", "SSUBSCRIBE",
        "SUBSCRIBE", "SYNC", "UNWATCH", "WATCH",
    ]

    static func read(
        _ value: Parameter,
        folder: String,
        client: RedisClient,
        diagnostics: Diagnostics
    ) -> RedisStep? {
        let before = diagnostics.all.count
        var reader = MapReader(value, "`redis`", diagnostics: diagnostics)
        guard case .map = value else { return nil }
        let url = reader.required("url").flatMap {
            URLTemplate.read($0, "url", secret: "REDIS_URL", with: reader)
        }
        let writes = reader.flag("writes") ?? false
        let command = reader.required("command").flatMap { readCommand($0, writes: writes, with: reader) }
        let expectation = reader.optional("expect").flatMap {
            ValueExpectation.read($0, "expect", with: reader)
        }
        let within = reader.span("within")
        let caFile = reader.text("ca")
        reader.finish()
        guard let url, let command, diagnostics.all.count == before else { return nil }
        return RedisStep(
            url: url,
            command: command,
            expectation: expectation,
            within: within,
            writes: writes,
            caFile: caFile.map { $0.hasPrefix("/") ? $0 : "\(folder)/\($0)" },
            client: client
        )
    }

    private static func readCommand(
        _ value: Parameter,
        writes: Bool,
        with reader: MapReader
    ) -> [Template]? {
        guard let items = reader.list(of: value, "command") else { return nil }
        let words = items.compactMap { reader.template(of: $0, "command") }
        guard let first = words.first else {
            reader.diagnostics.report(value.position, "`command` is empty; write it as [PING] or [GET, key]")
            return nil
        }
        guard first.references.isEmpty else {
            reader.diagnostics.report(
                first.position,
                "the command itself must be written out, found `\(first.source)`"
            )
            return nil
        }
        let name = first.source.uppercased()
        let second = words.dropFirst().first.map { "\(name) \($0.source.uppercased())" }
        if unsuitableCommands.contains(name) {
            reader.diagnostics.report(first.position, "`\(name)` is no question with one answer")
        } else if !writes, !lookingCommands.contains(name), !lookingCommands.contains(second ?? name) {
            reader.diagnostics.report(
                first.position,
                "`\(second ?? name)` is not one of the commands that are known to only look; "
                    + "if it shall be carried out, add `writes: true`"
            )
        }
        return words
    }

    static let schema = #"""
        {
          "description": "A command of Redis and its answer.",
          "type": "object",
          "additionalProperties": false,
          "required": ["url", "command"],
          "properties": {
            "url": {
              "type": "string",
              "description": "redis://, rediss:// (TLS) or unix://, with its password from a secret."
            },
            "command": {
              "description": "The command and its arguments.",
              "type": "array",
              "minItems": 1,
              "items": { "type": ["string", "number", "boolean"] }
            },
            "expect": {
              "description": "A value, a list of values, or a condition such as \"< 100\"; anything but an error when absent."
            },
            "within": { "type": "string", "description": "Connecting included." },
            "writes": {
              "enum": [true, false, "true", "false"],
              "description": "Must be true for a command that is not known to only look."
            },
            "ca": { "type": "string", "description": "PEM file of the authorities to trust with rediss." }
          }
        }
        """#
}
