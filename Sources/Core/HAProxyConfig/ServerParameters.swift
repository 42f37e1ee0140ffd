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
    /// The `weight` that ends the line read last, with no number behind it.
    private(set) var openWeight: Int?
    /// The words of the line read last that are an environment variable instead of a keyword: `"${EXTRA}"`.
    private(set) var variables: [Int] = []
    /// Those of ``variables`` that may become several words: `"${EXTRA[*]}"`.
    private(set) var lists: [Int] = []

    /// Takes the words over what was there before, as HAProxy does with `default-server` and then `server`.
    mutating func read(_ words: Range<Int>, of configuration: HAProxyConfiguration) {
        weightWords = []
        openWeight = nil
        variables = []
        lists = []
        var index = words.lowerBound
        while index < words.upperBound {
            if configuration.isVariable(index) {
                variables.append(index)
                if configuration.isList(index) { lists.append(index) }
            }
            let keyword = configuration.text(of: index)
            index += 1
            switch keyword {
            case "weight" where index == words.upperBound:
                weight = 0
                openWeight = index - 1
            case "weight":
                weight = configuration.isVariable(index) ? nil : Self.number(configuration.text(of: index))
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

    /// As `atol`: `50%` is 50, ` +5` is 5, `half` is 0; `nil` for what is negative or too long, which HAProxy
    /// refuses.
    private static func number(_ text: String) -> Int? {
        let number = text.utf8.drop(while: Byte.isSpace)
        let sign = number.prefix(1).filter { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
        let digits = number.dropFirst(sign.count)
            .prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard !digits.isEmpty else { return 0 }
        return Int(String(decoding: sign + digits, as: UTF8.self)).flatMap { $0 >= 0 ? $0 : nil }
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
