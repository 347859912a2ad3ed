// The demo with the package itself and its model in place of the fake.

process.env.ONEFLOW_DEMO = "package";
await import("./demo.test.mjs");
