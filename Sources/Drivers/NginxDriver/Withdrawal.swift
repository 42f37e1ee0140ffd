import SafeFile

/// A change that was taken back before anybody was seen to load it.
///
/// nginx reads its configuration some time before it starts workers with it, so a reload by somebody else may
/// still bring the text into force that is no longer in the file. Workers of that time are in doubt.
struct Withdrawal: Codable, Sendable {
    /// From when on the new text was the file's.
    let written: FileTime
    /// Until when workers may start with it.
    let until: FileTime

    /// Taken back now, where nginx takes `loadTime` milliseconds to test its configuration when nothing is in
    /// its way.
    init(written: FileTime, loadTime: Int) {
        self.written = written
        until = FileTime(nanoseconds: FileTime.now.nanoseconds + Int64(1000 + 10 * loadTime) * 1_000_000)
    }

    /// Whether one of `workers` may have the text.
    func mayRun(in workers: Set<NginxProcess>) -> Bool {
        workers.contains { $0.started.upperBound >= written && $0.started.lowerBound <= until }
    }

    static func last(_ file: MarkedFile) -> Withdrawal? {
        (try? file.value(Withdrawal.self, at: path(file))) ?? nil
    }

    /// Forgets it: since then nginx was seen to load the file.
    static func settle(_ file: MarkedFile) { try? file.setSide(path(file), nil) }

    func note(_ file: MarkedFile) throws(FileProblem) { try file.setValue(self, at: Self.path(file)) }

    private static func path(_ file: MarkedFile) -> String { file.sidePath("withdrawn") }
}
