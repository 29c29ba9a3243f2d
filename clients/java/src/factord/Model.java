package factord;

import java.util.HexFormat;

/**
 * One row of the daemon's model table.
 *
 * @param id the number that this client knows the name by, whatever engine it is attached to:
 *     {@code regression} is 0 and {@code classification} 1
 * @param name the model's name, as in {@code /predict/NAME}; at most 64 bytes
 * @param kind what the champion computes: {@link Kind#LINEAR}, {@link Kind#LOGISTIC}, or a number
 *     that this version does not know, whose models are asked through the ring all the same
 * @param width its number of features, 1 to 1,024
 * @param outputCount its number of outputs
 * @param generation counts the changes of what serves the name, from 1
 * @param armCount versions that share the name's requests, the champion included
 * @param heavy whether it is served to channels of the class for costly models alone: see {@link
 *     AttachOptions#heavy}
 * @param costNs nanoseconds of one evaluation, as measured when it was loaded
 * @param sha256 SHA-256 of the champion's artifact, 64 hexadecimal digits
 */
public record Model(
        int id,
        String name,
        int kind,
        int width,
        int outputCount,
        int generation,
        int armCount,
        boolean heavy,
        long costNs,
        String sha256) {
    /**
     * What answers carry of the champion's artifact: see {@link Prediction#fingerprint}.
     *
     * @return the first eight bytes of its SHA-256, little-endian
     */
    public long fingerprint() {
        return fingerprint(sha256);
    }

    /** Of 64 hexadecimal digits; anything else is no SHA-256. */
    static long fingerprint(String sha256) {
        byte[] bytes = HexFormat.of().parseHex(sha256);
        if (bytes.length != 32) {
            throw new IllegalArgumentException(
                    "a SHA-256 has 64 hexadecimal digits, not " + sha256.length());
        }
        long word = 0;
        for (int i = 0; i < Long.BYTES; i++) {
            word |= (bytes[i] & 0xFFL) << 8 * i;
        }
        return word;
    }

    Model withId(int other) {
        return new Model(
                other, name, kind, width, outputCount, generation, armCount, heavy, costNs, sha256);
    }
}
