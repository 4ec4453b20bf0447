// Writes records to a file and reads them back, with the C++ header.
//
// Usage: fruits FILE

#include <arrayrecord.hpp>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "Usage: fruits FILE\n";
    return 2;
  }
  try {
    arrayrecord::Writer writer(argv[1], "group_size:2,zstd:3");
    for (const char* fruit : {"apple", "banana", "cherry"}) writer.write(fruit);
    writer.close();  // the file appears now

    const arrayrecord::Reader reader(argv[1]);
    std::cout << reader.size() << " records\n";
    std::cout << "2: " << reader[2] << "\n";
    for (std::string_view record : reader.scan()) std::cout << record << "\n";
  } catch (const arrayrecord::Error& error) {
    std::cerr << error.code_name() << ": " << error.what() << "\n";
    return 1;
  }
  return 0;
}
