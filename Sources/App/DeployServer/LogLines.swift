import DeployOperations
package import Logging

/// Each line of the log as a JSON object, on standard error: `at`, `level`, `message`, and what is known beside it.
package struct LogLines: LogHandler {
    package var logLevel: Logger.Level = .info
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let now: @Sendable () -> String
    private let write: @Sendable (String) -> Void

    /// `now` gives the time as it is printed.
    package init(now: @escaping @Sendable () -> String, write: @escaping @Sendable (String) -> Void) {
        self.now = now
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields: [(String, JSON)] = [
            ("at", .text(now())), ("level", .text(event.level.rawValue)),
            ("message", .text("\(event.message)")),
        ]
        let all = metadata.merging(metadataProvider?.get() ?? [:]) { _, new in new }
            .merging(event.metadata ?? [:]) { _, new in new }
        fields += all.sorted { $0.key < $1.key }.map { ($0.key, .text("\($0.value)")) }
        write(JSON.text(.object(fields)))
    }
}
