/// The last so many elements; a new one pushes the oldest out.
struct Ring<Element: Hashable & Sendable>: Hashable, Sendable {
    private let capacity: Int
    private var elements: [Element] = []
    /// Where the oldest is, once the ring is full.
    private var oldest = 0

    init(capacity: Int) {
        self.capacity = max(1, capacity)
        // Growing by doubling would take nearly twice the memory.
        elements.reserveCapacity(self.capacity)
    }

    var count: Int { elements.count }

    /// Returns what was pushed out.
    mutating func push(_ element: Element) -> Element? {
        guard elements.count == capacity else {
            elements.append(element)
            return nil
        }
        let pushedOut = elements[oldest]
        elements[oldest] = element
        oldest = (oldest + 1) % capacity
        return pushedOut
    }

    /// The last `number`, or all that there are; the newest first.
    func newest(_ number: Int) -> some Sequence<Element> {
        (0..<min(number, count)).lazy.map { elements[(oldest + count - 1 - $0) % count] }
    }

    /// From the oldest to the newest.
    var all: [Element] { Array(elements[oldest...] + elements[..<oldest]) }

    static func == (left: Self, right: Self) -> Bool {
        left.capacity == right.capacity && left.all == right.all
    }

    func hash(into hasher: inout Hasher) { hasher.combine(all) }
}
