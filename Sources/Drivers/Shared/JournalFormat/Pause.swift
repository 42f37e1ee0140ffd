import Dispatch

/// A wait that occupies no thread.
package enum Pause {
    /// Returns after `milliseconds`, also when the task is cancelled: keep it short.
    package static func wait(milliseconds: Int) async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds)) {
                continuation.resume()
            }
        }
    }
}
