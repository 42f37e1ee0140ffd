/// One thing that was expected and did not come.
struct Mismatch: Hashable, Sendable {
    let expected: String
    let answered: String

    init(_ expected: String, _ answered: String) {
        self.expected = expected
        self.answered = answered
    }
}
