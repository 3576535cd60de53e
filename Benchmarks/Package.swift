// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nothing of it reaches the product.
let package = Package(
  name: "benchmarks",
  dependencies: [.package(name: "binnacle", path: "..")],
  targets: [
    .executableTarget(
      name: "benchmarks",
      dependencies: [
        .product(name: "BinnacleStorage", package: "binnacle"), .product(name: "LoadClient", package: "binnacle"),
      ],
      swiftSettings: [.swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny")])
  ]
)
