/// Sticky division: every user has a bucket, and an environment owns the first ones, as many as its share.
///
/// The bucket is what nginx's `split_clients` computes (`ngx_http_split_clients_module.c`: MurmurHash2 with the
/// seed 0, compared with the running sum of the parts), so that nginx without any help of ours and every other
/// balancer agree on it. A share that grows only adds buckets: nobody who was moved moves back.
extension TrafficShares {
    /// Parts of 0.1 %.
    package static let bucketCount = 1000

    /// 0 through 999; of many keys each has about a thousandth.
    package static func bucket(of key: some Collection<UInt8>) -> Int {
        let hash = UInt64(murmurHash2(Array(key)))
        // The bucket is the first whose upper bound is above the hash; the division finds it or the one before it.
        var bucket = min(Int(hash * UInt64(bucketCount) / UInt64(UInt32.max)), bucketCount - 1)
        if bucket > 0, hash < upperBound(bucket - 1) { bucket -= 1 }
        while bucket < bucketCount - 1, hash >= upperBound(bucket) { bucket += 1 }
        return bucket
    }

    /// nginx keeps percents in hundredths and truncates.
    private static func upperBound(_ bucket: Int) -> UInt64 {
        UInt64((bucket + 1) * 10) * UInt64(UInt32.max) / 10_000
    }

    /// Austin Appleby's MurmurHash2, 32 bits, little endian words.
    static func murmurHash2(_ bytes: [UInt8]) -> UInt32 {
        let multiplier: UInt32 = 0x5bd1_e995
        var hash = UInt32(truncatingIfNeeded: bytes.count)
        var index = 0
        while index + 4 <= bytes.count {
            var word = UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8
            word |= UInt32(bytes[index + 2]) << 16 | UInt32(bytes[index + 3]) << 24
            word = word &* multiplier
            word ^= word >> 24
            word = word &* multiplier
            hash = hash &* multiplier ^ word
            index += 4
        }
        for (place, byte) in bytes[index...].enumerated() { hash ^= UInt32(byte) << (8 * UInt32(place)) }
        if index < bytes.count { hash = hash &* multiplier }
        hash ^= hash >> 13
        hash = hash &* multiplier
        return hash ^ hash >> 15
    }
}
