import SafeFile

/// A wait between two looks.
enum Pause {
    /// Returns after `milliseconds`, or soon when the task is cancelled.
    static func wait(milliseconds: Int64) async {
        let end = MonotonicClock.milliseconds() + milliseconds
        while !Task.isCancelled {
            let left = end - MonotonicClock.milliseconds()
            guard left > 0 else { return }
            await BlockingWork.run { MonotonicClock.pause(milliseconds: Int(min(left, 50))) }
        }
    }
}
