internal import Foundation
import DeployCore
import DeployPorts

/// What of a rehearsal has to be known after a crash: how the database was before it, and which commands were
/// begun.
struct RehearsalLog {
    /// The database before anything of this attempt ran.
    struct Before: Codable {
        let head: String?
        let picture: SchemaPicture
    }

    private let attempt: StepAttempt
    private let file: String

    init(_ attempt: StepAttempt) {
        self.attempt = attempt
        file = "\(attempt.folder)/rehearsal-\(attempt.number).json"
    }

    var before: Before? {
        FileManager.default.contents(atPath: file)
            .flatMap { try? JSONDecoder().decode(Before.self, from: $0) }
    }

    func write(_ before: Before) throws(StepFailure) {
        do {
            try JSONEncoder().encode(before).write(to: URL(filePath: file), options: .atomic)
        } catch {
            throw StepFailure("rehearse: \(file) cannot be written; nothing was run")
        }
    }

    /// The last part of this attempt that was begun; `nil` for none.
    func lastPart(within limit: Duration) -> StepAttempt? {
        let count = count
        return count == 0 ? nil : part(count, within: limit)
    }

    /// One more part, with a folder of its own.
    func nextPart(within limit: Duration) throws(StepFailure) -> StepAttempt {
        let part = part(count + 1, within: limit)
        do {
            try FileManager.default.createDirectory(
                atPath: part.folder,
                withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw StepFailure("rehearse: \(part.folder) cannot be made")
        }
        return part
    }

    private var count: Int {
        var count = 0
        while FileManager.default.fileExists(atPath: folder(count + 1)) { count += 1 }
        return count
    }

    private func folder(_ number: Int) -> String {
        "\(attempt.folder)/rehearsal-\(attempt.number)-\(number)"
    }

    private func part(_ number: Int, within limit: Duration) -> StepAttempt {
        StepAttempt(
            run: attempt.run,
            step: attempt.step,
            number: attempt.number,
            deadline: .milliseconds(max(1, Int64(limit / .milliseconds(1)))),
            values: attempt.values,
            folder: folder(number),
            isDetaching: attempt.isDetaching,
            report: attempt.report,
            note: attempt.note
        )
    }
}
