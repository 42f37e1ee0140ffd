package import DeployCore
package import DeployPorts
import Foundation

/// Artifacts of steps, below the state folder: `runs/RUN/PHASE-STEP/ATTEMPT`, only ours to read.
package struct StepFolders: AttemptFolders {
    package let root: String

    package init(root: String) { self.root = root }

    package func latestAttempt(of step: StepID, in run: RunID) -> Int? {
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder(of: step, in: run))
        return names?.compactMap { Int($0) }.max()
    }

    package func path(of attempt: Int, of step: StepID, in run: RunID) -> String {
        folder(of: step, in: run) + "/\(attempt)"
    }

    package func begin(_ attempt: Int, of step: StepID, in run: RunID) throws(StepFailure) -> String {
        let path = path(of: attempt, of: step, in: run)
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw StepFailure("no folder for the step's output at \(path): \(error.localizedDescription)")
        }
        // The folder is the record that the attempt was begun, so it must outlive a power cut.
        let descriptor = open(folder(of: step, in: run), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor >= 0 {
            fsync(descriptor)
            close(descriptor)
        }
        return path
    }

    private func folder(of step: StepID, in run: RunID) -> String {
        "\(root)/\(run)/\(step.rawValue.replacingOccurrences(of: "/", with: "-"))"
    }

    /// What the last attempt of a step printed, at most its last megabyte; `nil` where it left nothing here.
    ///
    /// `name` is the step's folder: `prepare-1`.
    package func log(of name: String, in run: RunID) -> String? {
        let path = "\(root)/\(run)/\(name)"
        guard !name.contains("/"), !name.hasPrefix("."), let last = latest("", in: path) else { return nil }
        // A try of the step is a folder of its own within.
        let folder = "\(path)/\(last)"
        let tried = latest("attempt-", in: folder).map { "\(folder)/attempt-\($0)" } ?? folder
        guard let file = FileHandle(forReadingAtPath: "\(tried)/output") else { return nil }
        let limit: UInt64 = 1 << 20
        let end = (try? file.seekToEnd()) ?? 0
        try? file.seek(toOffset: end > limit ? end - limit : 0)
        return (try? file.readToEnd()).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The highest number behind `prefix` among the names in `folder`.
    private func latest(_ prefix: String, in folder: String) -> Int? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.compactMap { $0.hasPrefix(prefix) ? Int($0.dropFirst(prefix.count)) : nil }.max()
    }
}
