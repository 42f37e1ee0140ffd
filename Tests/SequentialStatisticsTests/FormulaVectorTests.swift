import SequentialStatistics
import Testing

/// What the reference implementation computed, number by number.
@Suite struct FormulaVectorTests {
    private struct Factor: Decodable {
        let fn: String
        let ng, xg, nb, xb, n, x: Int?
        let rho, delta, phi, L, rate, s: Double?
        let ln: [Expected]

        var pair: ArmPair {
            ArmPair(
                candidate: Tally(requests: ng ?? 0, events: xg ?? 0),
                stable: Tally(requests: nb ?? 0, events: xb ?? 0)
            )
        }

        func computed() throws -> [Double] {
            let tolerance = Tolerance(ratio: rho ?? 0, margin: delta ?? 0)
            return switch fn {
            case "rel": LogFactors.worse(pair, than: tolerance, clustering: try #require(phi))
            case "cert": LogFactors.good(pair, within: tolerance)
            case "abs":
                LogFactors.above(
                    try #require(L),
                    Tally(requests: try #require(n), events: try #require(x)),
                    clustering: try #require(phi)
                )
            case "bounded": LogFactors.rateAbove(try #require(L), try #require(rate))
            case "sign": LogFactors.slower(try #require(s) > 0)
            default: throw UnknownOperation(name: fn)
            }
        }
    }

    private struct UnknownOperation: Error { let name: String }

    @Test func `every factor is that of the reference`() throws {
        let factors = try Vectors.read("factors", as: [Factor].self)
        #expect(Set(factors.map(\.fn)) == ["rel", "cert", "abs", "bounded", "sign"])
        for (index, factor) in factors.enumerated() {
            let difference = try firstDifference(factor.computed(), factor.ln)
            #expect(difference == nil, "factor \(index), \(factor.fn)")
        }
    }

    /// An operation: its name, then numbers.
    private struct Operation: Decodable {
        let name: String
        let numbers: [Double]

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            name = try container.decode(String.self)
            var numbers: [Double] = []
            while !container.isAtEnd { numbers.append(try container.decode(Double.self)) }
            self.numbers = numbers
        }
    }

    private struct Process: Decodable {
        let ops: [Operation]
        let lnE: [Expected]
    }

    @Test func `evidence with restarts is that of the reference after every operation`() throws {
        for (index, vector) in try Vectors.read("eprocess", as: [Process].self).enumerated() {
            var process = EProcess()
            let found = try vector.ops.map { operation in
                try Self.apply(operation, to: &process)
                return process.logEvidence
            }
            let difference = firstDifference(found, vector.lnE)
            #expect(difference == nil, "process \(index)")
        }
    }

    private static func apply(_ operation: Operation, to process: inout EProcess) throws {
        let values = operation.numbers
        switch operation.name {
        case "inject": process.stake(values[0])
        case "rel":
            let pair = ArmPair(
                candidate: Tally(requests: Int(values[0]), events: Int(values[1])),
                stable: Tally(requests: Int(values[2]), events: Int(values[3]))
            )
            let tolerance = Tolerance(ratio: values[4], margin: values[5])
            process.multiply(by: LogFactors.worse(pair, than: tolerance, clustering: values[6]))
        case "abs":
            let tally = Tally(requests: Int(values[0]), events: Int(values[1]))
            process.multiply(by: LogFactors.above(values[2], tally, clustering: values[3]))
        default: throw UnknownOperation(name: operation.name)
        }
    }

    private struct Histogram: Decodable {
        let ops: [Operation]
        let expect: [Expected?]
    }

    @Test func `quantiles of recent durations are those of the reference`() throws {
        for (index, vector) in try Vectors.read("hist", as: [Histogram].self).enumerated() {
            var histogram = DecayingHistogram()
            var found: [Double?] = []
            for operation in vector.ops {
                let value = operation.numbers[0]
                switch operation.name {
                case "decay": histogram.decay(seconds: value)
                case "add": histogram.add(value)
                case "q": found.append(histogram.quantile(value))
                default: throw UnknownOperation(name: operation.name)
                }
            }
            try #require(found.count == vector.expect.count)
            for (number, (quantile, expected)) in zip(found, vector.expect).enumerated() {
                let isSame = expected.map { $0.matches(quantile ?? .nan) } ?? (quantile == nil)
                #expect(isSame, "histogram \(index), quantile \(number)")
            }
        }
    }

    private struct Coarse: Decodable {
        let kind: String
        let L: Double?
        let rates, s: [Double]?
        let lnE: [Expected]
    }

    @Test func `evidence from rates and from signs is that of the reference`() throws {
        for (index, vector) in try Vectors.read("coarse", as: [Coarse].self).enumerated() {
            let isSign = vector.kind == "sign"
            var process = EProcess(bets: isSign ? 3 : 8)
            process.stake(isSign ? 1 : 0.5)
            let found = try (#require(isSign ? vector.s : vector.rates)).map { value in
                process.multiply(
                    by: isSign
                        ? LogFactors.slower(value > 0) : LogFactors.rateAbove(try #require(vector.L), value)
                )
                return process.logEvidence
            }
            let difference = firstDifference(found, vector.lnE)
            #expect(difference == nil, "coarse \(index)")
        }
    }

    private struct Plan: Decodable {
        let pg, pb, w: Double
        let detect, certify: Expected

        enum CodingKeys: String, CodingKey {
            case pg, pb, w
            case detect = "detect_green_requests"
            case certify = "certify_green_requests"
        }
    }

    @Test func `the requests that a decision needs are those of the reference`() throws {
        for (index, plan) in try Vectors.read("plan", as: [Plan].self).enumerated() {
            let configuration = Configuration()
            let detect = configuration.requestsToDetect(plan.pg, against: plan.pb, share: plan.w)
            let certify = configuration.requestsToCertify(plan.pb, against: plan.pb, share: plan.w)
            #expect(plan.detect.matches(detect ?? .infinity), "plan \(index)")
            #expect(plan.certify.matches(certify ?? .infinity), "plan \(index)")
        }
    }
}
