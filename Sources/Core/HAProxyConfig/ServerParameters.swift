/// What a `server` or `default-server` line says behind its address, of the little that is of interest here.
struct ServerParameters {
    /// The number in force; `nil` when none was given or it cannot be read.
    var weight: Int?
    var isDisabled = false
    var isBackup = false
    /// Whether a `default-server` line stands before, so that a missing weight need not be 1.
    var hasDefaults = false
    /// The words behind each `weight` of the line read last.
    private(set) var weightWords: [Int] = []

    /// Takes the words over what was there before, as HAProxy does with `default-server` and then `server`.
    mutating func read(_ words: Range<Int>, of configuration: HAProxyConfiguration) {
        weightWords = []
        var index = words.lowerBound
        while index < words.upperBound {
            let keyword = configuration.text(of: index)
            index += 1
            switch keyword {
            case "weight" where index < words.upperBound:
                weight = Self.number(configuration.text(of: index))
                weightWords.append(index)
                index += 1
            case "disabled": isDisabled = true
            case "enabled": isDisabled = false
            case "backup": isBackup = true
            case "no-backup": isBackup = false
            case _ where Self.takesArgument.contains(keyword): index += 1
            default: break
            }
        }
    }

    mutating func reset() {
        weight = nil
        isDisabled = false
        isBackup = false
    }

    /// As `atol`: `50%` is 50.
    private static func number(_ text: String) -> Int? {
        Int(text.prefix { $0.isASCII && $0.isNumber })
    }

    /// Keywords whose argument could read `weight` or `backup` without being that keyword: free text and
    /// names.
    private static let takesArgument: Set<String> = [
        "addr", "agent-addr", "agent-send", "alpn", "ca-file", "check-alpn", "check-proto", "check-sni",
        "ciphers",
        "ciphersuites", "cookie", "crl-file", "crt", "guid", "hash-key", "id", "init-addr", "interface",
        "namespace", "npn", "pool-conn-name", "proto", "redir", "resolvers", "sni", "source", "track",
        "usesrc",
        "verifyhost",
    ]
}
