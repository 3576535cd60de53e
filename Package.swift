// swift-tools-version: 6.2
import PackageDescription

/// One list for every target, so that no file is compiled under softer rules than another.
let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
  name: "binnacle",
  products: [
    .executable(name: "binnacle", targets: ["binnacle"]),
    // For Benchmarks/, which measures the embedded storage in process.
    .library(name: "BinnacleStorage", targets: ["ByteBuffers", "Storage", "StorageSQLite"]),
    // The client that benchmarks and end-to-end tests share.
    .library(name: "LoadClient", targets: ["LoadClient"]),
  ],
  dependencies: [
    // Command-line options, help and completion: nothing this project exists for.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // The logging front that Swift servers share; the handler is ours.
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    // BoringSSL's ciphers for records of TLS 1.3, see CBoringSSL. That part of it is not one of its products, so
    // versions are taken one by one.
    .package(url: "https://github.com/apple/swift-crypto", .upToNextMinor(from: "4.5.2")),
  ],
  targets: [
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .target(name: "CNetwork"),
    // The daemon's malloc: by being linked it takes glibc's place, whose arenas cost a write 15 percent and a watch
    // delivery 20.
    .systemLibrary(name: "CMimalloc", providers: [.apt(["libmimalloc-dev"])]),
    // HTTP/2 framing, header compression and flow control; curl's.
    .systemLibrary(name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    // The ciphers of TLS 1.3's records: where a processor has VAES they take 0.9 µs for a node, and those of Debian
    // 12's OpenSSL 2.3.
    .target(name: "CBoringSSL", dependencies: [.product(name: "Crypto", package: "swift-crypto")]),
    // TLS for the server: handshakes and keys, and all of TLS 1.2. Records of TLS 1.3 are ours (RecordWriter).
    .target(
      name: "COpenSSL", dependencies: ["CNetwork"], linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    // Digests and AES of everything but TLS's records. OpenSSL is in the process already, for libcurl and TLS.
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    // XSalsa20-Poly1305 of the encryption provider secretbox, which OpenSSL does not have.
    .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),

    // gzip of large answers: a deflate of our own would be slower and worse.
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    // Scanner and parser of YAML: its events, of which we make values under limits of our own. A parser of our own
    // would be worse.
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    // Regular expressions that people write, in linear time: the standard library's backtrack.
    .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),

    .target(name: "ByteBuffers", swiftSettings: swiftSettings),
    .target(name: "JSON", dependencies: ["ByteBuffers"], swiftSettings: swiftSettings),
    // The memory and the threads of the process, which all requests share and none may take whole.
    .target(name: "Capacity", dependencies: ["ByteBuffers"], swiftSettings: swiftSettings),
    // Digests, keys that are wiped, and the digits that bytes are shown in.
    .target(name: "Cryptography", dependencies: ["CCrypto", "ByteBuffers"], swiftSettings: swiftSettings),
    .target(name: "Machinery", dependencies: ["JSON", "ByteBuffers"], swiftSettings: swiftSettings),
    // What every kind of configuration file is asked first, and how its faults are told.
    .target(
      name: "ConfigurationFiles", dependencies: ["JSON", "Machinery", "ByteBuffers"], swiftSettings: swiftSettings),
    .target(
      name: "Schema", dependencies: ["CYAML", "JSON", "Machinery", "ByteBuffers"],
      swiftSettings: swiftSettings),
    .target(
      name: "FieldManagement", dependencies: ["Schema", "JSON", "Machinery", "ByteBuffers"],
      swiftSettings: swiftSettings),
    .target(name: "Metrics", dependencies: ["ByteBuffers"], swiftSettings: swiftSettings),
    .target(name: "RegularExpressions", dependencies: ["CRE2", "ByteBuffers"], swiftSettings: swiftSettings),
    // The Common Expression Language over JSON: there is no library of it for Swift.
    .target(
      name: "CEL", dependencies: ["RegularExpressions", "Machinery", "JSON", "ByteBuffers"],
      swiftSettings: swiftSettings),
    // Who a request is by and what they may do; knows neither sockets nor storage.
    .target(name: "Access", dependencies: ["Machinery", "JSON", "ByteBuffers"], swiftSettings: swiftSettings),
    .target(name: "Storage", dependencies: ["ByteBuffers", "Machinery", "Metrics"], swiftSettings: swiftSettings),
    .target(
      name: "StorageEncryption",
      dependencies: [
        "Storage", "ConfigurationFiles", "Schema", "Machinery", "JSON", "Cryptography", "Capacity", "ByteBuffers",
        "CCrypto", "CSodium",
      ],
      swiftSettings: swiftSettings),
    .target(name: "StorageSQLite", dependencies: ["Storage", "ByteBuffers", "CSQLite"], swiftSettings: swiftSettings),
    .target(name: "CurlHTTP", dependencies: ["CCurl", "CNetwork", "ByteBuffers"], swiftSettings: swiftSettings),
    // The one HTTPS caller for all who are asked or told over a webhook, as a kubeconfig file names it.
    .target(
      name: "Webhooks", dependencies: ["CurlHTTP", "Machinery", "JSON", "Capacity", "ByteBuffers"],
      swiftSettings: swiftSettings),
    // Somebody else is asked who a request is by, or whether it may be made.
    .target(
      name: "AccessWebhooks", dependencies: ["Access", "Webhooks", "JSON", "ByteBuffers"],
      swiftSettings: swiftSettings),
    // Tokens that somebody else has signed: whose are believed, what their claims mean, and whether they hold.
    .target(
      name: "AccessJWT",
      dependencies: [
        "Access", "CCrypto", "CEL", "ConfigurationFiles", "CurlHTTP", "JSON", "Machinery", "Cryptography", "Metrics",
        "ByteBuffers",
      ],
      swiftSettings: swiftSettings),
    // What was asked, by whom, and what became of it.
    .target(
      name: "Audit",
      dependencies: ["Access", "Webhooks", "ConfigurationFiles", "Machinery", "Metrics", "JSON", "ByteBuffers"],
      swiftSettings: swiftSettings),
    .target(
      name: "EtcdTransport", dependencies: ["Storage", "CurlHTTP", "COpenSSL", "Machinery", "JSON", "ByteBuffers"],
      swiftSettings: swiftSettings),
    .target(
      name: "StorageEtcd3", dependencies: ["CCrypto", "EtcdTransport", "Storage", "CurlHTTP", "JSON", "ByteBuffers"],
      swiftSettings: swiftSettings),
    .target(
      name: "StorageEtcd2",
      dependencies: ["EtcdTransport", "Storage", "CurlHTTP", "JSON", "Machinery", "Metrics", "ByteBuffers"],
      swiftSettings: swiftSettings),
    .target(
      name: "Cacher", dependencies: ["Storage", "Machinery", "Metrics", "Capacity", "ByteBuffers"],
      swiftSettings: swiftSettings),
    .target(
      name: "HTTPServer",
      dependencies: ["ByteBuffers", "Capacity", "Cryptography", "CBoringSSL", "CNetwork", "CNGHTTP2", "COpenSSL"],
      swiftSettings: swiftSettings),
    .target(
      name: "Registry",
      dependencies: [
        "Access", "Cacher", "FieldManagement", "Schema", "Storage", "Machinery", "Metrics", "JSON", "Capacity",
        "Cryptography", "ByteBuffers",
      ],
      swiftSettings: swiftSettings),
    // What a definition of a custom resource says, and what its objects have to be.
    .target(
      name: "CustomResources",
      dependencies: [
        "Access", "CEL", "FieldManagement", "Registry", "RegularExpressions", "Schema", "Machinery", "JSON",
        "ByteBuffers",
      ],
      swiftSettings: swiftSettings),
    // What the built-in resources are: a folder a group. Nothing else may name a kind.
    .target(
      name: "Resources",
      dependencies: [
        "CustomResources",
        "CCrypto", "Access", "Registry", "RegularExpressions", "Cacher", "Storage", "Schema", "Machinery", "JSON",
        "ByteBuffers",
      ],
      swiftSettings: swiftSettings),
    // Roles and bindings, found by who has them.
    .target(
      name: "AccessRBAC", dependencies: ["Access", "Machinery", "JSON", "ByteBuffers"], swiftSettings: swiftSettings),
    // Who has a say in a write once its object is known: the chain, and a plug-in a file.
    .target(
      name: "Admission",
      dependencies: ["Access", "AccessRBAC", "Registry", "Resources", "Schema", "Machinery", "JSON", "ByteBuffers"],
      swiftSettings: swiftSettings),
    .target(
      name: "APIServer",
      dependencies: [
        "CZlib", "RegularExpressions", "Access", "Admission", "Audit", "Registry", "HTTPServer", "Cacher", "Schema",
        "Storage", "Machinery", "Metrics", "JSON", "Capacity", "Cryptography", "ByteBuffers",
      ],
      swiftSettings: swiftSettings),
    // What a server makes sure of by itself: hooks that run at every start, and controllers.
    .target(
      name: "Controllers",
      dependencies: [
        "Access", "AccessRBAC", "Admission", "Audit", "Registry", "Resources", "Cacher", "Storage", "Machinery",
        "Metrics", "JSON", "ByteBuffers", .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: swiftSettings),
    // What clients define, served: follows definitions, and changes what the server serves with them.
    .target(
      name: "CustomServing",
      dependencies: [
        "APIServer", "Controllers", "CustomResources", "Registry", "Cacher", "Storage", "Webhooks", "CurlHTTP",
        "Cryptography", "Schema", "Machinery", "Metrics", "JSON", "ByteBuffers",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "binnacle",
      dependencies: [
        "CustomServing", "CustomResources", "APIServer", "Controllers", "Registry", "Resources", "Cacher",
        "HTTPServer", "Schema", "Storage",
        "StorageEncryption",
        "EtcdTransport", "StorageEtcd2", "StorageEtcd3", "StorageSQLite", "Access", "AccessJWT", "AccessRBAC",
        "AccessWebhooks", "Admission", "Audit", "Webhooks", "CurlHTTP", "ConfigurationFiles", "Machinery", "Metrics",
        "JSON", "Capacity",
        "ByteBuffers", "CMimalloc",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: swiftSettings),

    .target(
      name: "TestSupport", dependencies: ["ByteBuffers", "Storage", "JSON"], path: "Tests/TestSupport",
      swiftSettings: swiftSettings),
    .testTarget(
      name: "AccessTests", dependencies: ["Access", "Machinery", "JSON", "ByteBuffers"], swiftSettings: swiftSettings),
    .testTarget(name: "RegularExpressionsTests", dependencies: ["RegularExpressions"], swiftSettings: swiftSettings),
    .testTarget(name: "ByteBuffersTests", dependencies: ["ByteBuffers"], swiftSettings: swiftSettings),
    .testTarget(
      name: "AccessRBACTests", dependencies: ["AccessRBAC", "Access", "JSON", "Machinery"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "CustomResourcesTests",
      dependencies: ["CustomResources", "FieldManagement", "Registry", "JSON", "Machinery"],
      swiftSettings: swiftSettings),
    .testTarget(name: "CELTests", dependencies: ["CEL", "JSON"], swiftSettings: swiftSettings),
    .testTarget(
      name: "AccessJWTTests",
      dependencies: [
        "AccessJWT", "Access", "ConfigurationFiles", "Machinery", "JSON", "ByteBuffers", "TestSupport",
      ],
      swiftSettings: swiftSettings),
    .testTarget(name: "WebhooksTests", dependencies: ["Webhooks", "TestSupport"], swiftSettings: swiftSettings),
    .testTarget(
      name: "CryptographyTests", dependencies: ["Cryptography", "ByteBuffers"], swiftSettings: swiftSettings),
    .testTarget(
      name: "AuditTests",
      dependencies: [
        "Audit", "ConfigurationFiles", "Metrics", "Access", "Machinery", "JSON", "ByteBuffers", "TestSupport",
      ],
      swiftSettings: swiftSettings),
    .testTarget(name: "MetricsTests", dependencies: ["Metrics", "ByteBuffers"], swiftSettings: swiftSettings),
    .testTarget(name: "JSONTests", dependencies: ["ByteBuffers", "JSON", "TestSupport"], swiftSettings: swiftSettings),
    .testTarget(
      name: "MachineryTests", dependencies: ["ByteBuffers", "Machinery", "JSON", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "SchemaTests", dependencies: ["ByteBuffers", "Schema", "Machinery", "JSON", "TestSupport"],
      exclude: ["Facts"], swiftSettings: swiftSettings),
    .testTarget(
      name: "FieldManagementTests",
      dependencies: ["FieldManagement", "Schema", "Machinery", "JSON", "ByteBuffers", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "StorageTests",
      dependencies: [
        "Storage", "ByteBuffers", "StorageEncryption", "StorageSQLite", "StorageEtcd2", "StorageEtcd3", "Cacher",
        "Machinery", "TestSupport",
      ], swiftSettings: swiftSettings),
    .testTarget(
      name: "StorageEncryptionTests",
      dependencies: [
        "StorageEncryption", "Storage", "ByteBuffers", "StorageSQLite", "StorageEtcd3", "Machinery", "JSON",
        "TestSupport",
      ],
      exclude: ["independent.py"], swiftSettings: swiftSettings),
    .testTarget(
      name: "StorageSQLiteTests", dependencies: ["StorageSQLite", "Storage", "ByteBuffers", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "StorageEtcd3Tests",
      dependencies: ["StorageEtcd3", "EtcdTransport", "CurlHTTP", "Storage", "JSON", "ByteBuffers", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "StorageEtcd2Tests",
      dependencies: ["StorageEtcd2", "EtcdTransport", "CurlHTTP", "Storage", "JSON", "ByteBuffers", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "CacherTests",
      dependencies: [
        "ByteBuffers", "Cacher", "Capacity", "Machinery", "Metrics", "Storage", "StorageSQLite", "TestSupport",
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "HTTPServerTests",
      dependencies: [
        "HTTPServer", "Capacity", "Cryptography", "ByteBuffers", "CNGHTTP2", "LoadClient", "TestSupport",
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "RegistryTests",
      dependencies: [
        "Registry", "Resources", "Cacher", "Schema", "Storage", "StorageEtcd3", "StorageSQLite", "Machinery", "JSON",
        "ByteBuffers",
        "TestSupport",
      ], swiftSettings: swiftSettings),
    .testTarget(
      name: "AdmissionTests",
      dependencies: [
        "Admission", "Access", "Registry", "Resources", "Cacher", "Storage", "StorageSQLite", "Machinery", "JSON",
        "ByteBuffers", "TestSupport",
      ], swiftSettings: swiftSettings),
    .testTarget(
      name: "ControllersTests",
      dependencies: [
        "Controllers", "Access", "Admission", "Audit", "Registry", "Resources", "Cacher", "Storage", "StorageSQLite",
        "Machinery", "Metrics", "JSON", "ByteBuffers", "TestSupport", .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "APIServerTests",
      dependencies: [
        "CustomServing", "APIServer", "Admission", "Controllers", "ByteBuffers", "Cacher", "Capacity", "Registry",
        "Resources", "Storage",
        "StorageSQLite", "HTTPServer", "JSON", "TestSupport",
      ], swiftSettings: swiftSettings),
    .target(name: "LoadClient", dependencies: ["COpenSSL"], path: "Tests/LoadClient", swiftSettings: swiftSettings),
    .testTarget(
      name: "binnacleTests",
      dependencies: [
        "binnacle", "Controllers", "HTTPServer", "Resources", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "EndToEndTests", dependencies: ["TestSupport", "LoadClient", "binnacle"], exclude: ["Samples"],
      swiftSettings: swiftSettings),
  ],
  cxxLanguageStandard: .cxx17
)
