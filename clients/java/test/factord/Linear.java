package factord;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A linear model of up to 127 features, made for a test, and what it must answer. */
record Linear(String name, float intercept, float... weights) {
    double answer(double[] x) {
        double total = x[0] * weights[0];
        for (int i = 1; i < weights.length; i++) {
            total += x[i] * weights[i];
        }
        return total + intercept;
    }

    private Path file(Path models) {
        return models.resolve(name + ".fmodel");
    }

    /** Puts the artifact where a daemon finds it. */
    void save(Path models) throws IOException {
        Path onnx = models.resolve(name + ".onnx.new");
        Files.write(onnx, onnx());
        String out = file(models).toString();
        Daemon.run("import", onnx.toString(), "--name", name, "--out", out);
        Files.delete(onnx);
    }

    void delete(Path models) throws IOException {
        Files.deleteIfExists(file(models));
    }

    /** The fields of an ONNX model with one LinearRegressor, by the numbers of onnx.proto. */
    private byte[] onnx() {
        byte[] shape = join(field(1, text(2, "N")), field(1, number(1, weights.length)));
        byte[] tensor = field(1, join(number(1, 1), field(2, shape)));
        byte[] input = join(text(1, "x"), field(2, tensor));
        byte[] output = text(1, "y");
        byte[] coefficients = attribute("coefficients", weights);
        byte[] node = join(text(1, "x"), text(2, "y"), text(4, "LinearRegressor"),
                field(5, coefficients), field(5, attribute("intercepts", intercept)),
                text(7, "ai.onnx.ml"));
        byte[] graph = join(field(1, node), field(11, input), field(12, output));
        byte[] opset = join(text(1, "ai.onnx.ml"), number(2, 1));
        return join(number(1, 8), field(7, graph), field(8, opset));
    }

    private static byte[] attribute(String name, float... values) {
        ByteBuffer floats =
                ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            floats.putFloat(value);
        }
        return join(text(1, name), field(7, floats.array()), number(20, 6));
    }

    private static byte[] text(int field, String value) {
        return field(field, value.getBytes(StandardCharsets.US_ASCII));
    }

    /** None is longer than 2^14 bytes. */
    private static byte[] field(int field, byte[] value) {
        byte[] head = {
            (byte) (field << 3 | 2),
            (byte) (value.length & 0x7F | 0x80),
            (byte) (value.length >>> 7)
        };
        return join(head, value);
    }

    private static byte[] number(int field, int value) {
        byte[] tag = field < 16
                ? new byte[] {(byte) (field << 3)}
                : new byte[] {(byte) (field << 3 & 0x7F | 0x80), (byte) (field >>> 4)};
        return join(tag, new byte[] {(byte) value});
    }

    private static byte[] join(byte[]... parts) {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        List.of(parts).forEach(whole::writeBytes);
        return whole.toByteArray();
    }
}
