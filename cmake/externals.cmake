# Third-party libraries, and which module alone may use each of them. Versions are what Debian 12 ships
# (SQLCipher: its backports suite); scripts/bootstrap installs them.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED)  # headers only
find_package(fmt 9 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(simdjson REQUIRED)
pkg_check_modules(TOMLPP REQUIRED IMPORTED_TARGET tomlplusplus)
# SQLCipher 4.6; its .pc file states the version of the SQLite inside. Bookworm's own 3.4.1 lacks FTS5, JSON and upsert.
pkg_check_modules(SQLCIPHER REQUIRED IMPORTED_TARGET sqlcipher>=3.46)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2>=1.52)
find_package(CLI11 REQUIRED)
# The allocator of the programs (not of the tests): with many requests on their way at once glibc's gives memory back
# and takes it again all the time. Sanitizers bring their own.
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)
add_library(tidegate_allocator INTERFACE)
if(NOT TIDEGATE_SANITIZE)
  target_link_libraries(tidegate_allocator INTERFACE -Wl,--no-as-needed PkgConfig::JEMALLOC -Wl,--as-needed)
endif()

set(TIDEGATE_EXTERNAL_base OpenSSL::Crypto fmt::fmt)
set(TIDEGATE_EXTERNAL_json simdjson::simdjson)
set(TIDEGATE_EXTERNAL_obs spdlog::spdlog)
set(TIDEGATE_EXTERNAL_net Boost::headers OpenSSL::SSL OpenSSL::Crypto PkgConfig::NGHTTP2)
set(TIDEGATE_EXTERNAL_store PkgConfig::SQLCIPHER)
set(TIDEGATE_EXTERNAL_ledger PkgConfig::ZSTD)
set(TIDEGATE_EXTERNAL_engine Boost::headers)
set(TIDEGATE_EXTERNAL_cli CLI11::CLI11)
set(TIDEGATE_EXTERNAL_app PkgConfig::TOMLPP CLI11::CLI11)

# Asio in one shape everywhere: separate compilation off (header only), no deprecated parts, no exceptions on paths
# that take an error_code.
add_compile_definitions(BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_REGEX BOOST_BEAST_ALLOW_DEPRECATED=0)
# Coroutine frames come from operator new, which recycles them per thread; aligned_alloc does not.
add_compile_definitions(BOOST_ASIO_DISABLE_STD_ALIGNED_ALLOC BOOST_ASIO_DISABLE_BOOST_ALIGN)
