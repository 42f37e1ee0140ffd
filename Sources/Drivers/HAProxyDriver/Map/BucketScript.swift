/// The converter that HAProxy lacks: nginx's `split_clients` as `TrafficShares.bucket(of:)` has it.
enum BucketScript {
    static func text(_ converter: String) -> [UInt8] {
        Array(
            """
            -- Makes a bucket of 0 through 999 of a key, as nginx's split_clients does: MurmurHash2, seed 0, over 1000
            -- parts of 0.1 %. Written by bgdeploy; HAProxy loads it when it starts.
            local multiplier, low, parts = 0x5bd1e995, 0xffffffff, 1000

            local function hash(key)
                local length, place = #key, 1
                local value = length & low
                while place + 3 <= length do
                    local word = string.unpack("<I4", key, place) * multiplier & low
                    word = (word ~ word >> 24) * multiplier & low
                    value = value * multiplier & low ~ word
                    place = place + 4
                end
                if place <= length then
                    for byte = place, length do
                        value = value ~ string.byte(key, byte) << 8 * (byte - place)
                    end
                    value = value * multiplier & low
                end
                value = (value ~ value >> 13) * multiplier & low
                return value ~ value >> 15
            end

            -- nginx counts percents in hundredths and truncates.
            local function bound(bucket) return (bucket + 1) * 10 * low // 10000 end

            core.register_converters("\(converter)", function(key)
                local value = hash(key)
                local bucket = math.min(value * parts // low, parts - 1)
                if bucket > 0 and value < bound(bucket - 1) then bucket = bucket - 1 end
                while bucket < parts - 1 and value >= bound(bucket) do bucket = bucket + 1 end
                return bucket
            end)

            """.utf8
        )
    }
}
